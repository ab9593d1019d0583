"""The work of the family `batch_norm` of `cargo bench --bench norms` in PyTorch on two CPU threads: training forward and
backward, alone and with ReLU. One line for each shape: milliseconds of the forward pass, and of both passes.

usage: python pytorch_norms.py

Images are `channels_last`, which is faster here than PyTorch's default. A figure is the 20th percentile of the calls, for a
machine that runs other programs as well.
"""
import time

import torch

torch.set_num_threads(2)

for n, h, w, c in [(64, 32, 32, 16), (64, 16, 16, 32), (64, 8, 8, 64), (16, 48, 48, 96)]:
    for relu in (False, True):
        norm = torch.nn.BatchNorm2d(c).train()
        x, dy = ((torch.rand(n, c, h, w) - 0.5).contiguous(memory_format=torch.channels_last) for _ in range(2))
        x.requires_grad_()
        forward, both = [], []
        for _ in range(max(20, min(100, 160_000_000 // x.numel()))):
            x.grad = norm.weight.grad = norm.bias.grad = None
            begun = time.perf_counter()
            y = norm(x)
            if relu:
                y = torch.relu_(y)
            forward.append(time.perf_counter() - begun)
            y.backward(dy)
            both.append(time.perf_counter() - begun)
        figures = [1e3 * sorted(times)[len(times) // 5] for times in (forward, both)]
        print(f"{n}x{h}x{w}x{c}{', ReLU' if relu else ''}: forward {figures[0]:.3f}, both {figures[1]:.3f}")
