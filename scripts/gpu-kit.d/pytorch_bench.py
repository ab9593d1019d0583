"""The work of `allometry bench kernels` and `bench steps` in PyTorch on the same GPU, as JSON on standard output.

TF32 is off. Times are medians of seven blocks after a warm-up, by CUDA events. Ends with 77 where there is no PyTorch or
no GPU that it can use.
"""
import json
import statistics
import sys
import time

try:
    import torch
    import torch.nn.functional as F
    from torch import nn
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(77)

if not torch.cuda.is_available():
    print(f"PyTorch {torch.__version__} finds no GPU", file=sys.stderr)
    sys.exit(77)
torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.allow_tf32 = False
torch.backends.cudnn.benchmark = True
device = torch.device("cuda")
rows = []


def seconds_of(work):
    work()
    torch.cuda.synchronize()
    # An idle GPU takes 0.2 s of work to raise its clock.
    start = time.perf_counter()
    calls = 0
    while calls < 3 or time.perf_counter() - start < 0.3:
        for _ in range(10):
            work()
        torch.cuda.synchronize()
        calls += 10
    times = min(400, max(1, int(0.03 / ((time.perf_counter() - start) / calls)) + 1))
    blocks = []
    for _ in range(7):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        for _ in range(times):
            work()
        end.record()
        end.synchronize()
        blocks.append(begin.elapsed_time(end) / 1e3 / times)
    return statistics.median(blocks)


def row(family, name, work, **more):
    rows.append({"family": family, "name": name, "seconds": seconds_of(work), **more})


def noise(*shape, dtype=torch.float32):
    return (torch.rand(*shape, device=device) * 2 - 1).to(dtype)


for family, dtype in (("matmul", torch.float32), ("matmul_f16", torch.float16)):
    squares = [(n, n, n) for n in (512, 1024, 2048, 4096, 8192)]
    for m, k, n in squares + [(256, 784, 512), (64, 3136, 128), (4096, 64, 64), (128, 16384, 128)]:
        a, b = noise(m, k, dtype=dtype), noise(k, n, dtype=dtype)
        row(family, f"{m}×{k}×{n}", lambda: a @ b)

x, w, bias = noise(4096, 784), noise(784, 512), noise(512)
row("matmul", "4096×784×512, bias and ReLU", lambda: torch.relu(torch.addmm(bias, x, w)))


def convolution(family, name, batch, side, inputs, outputs, window, stride, groups=1):
    x = noise(batch, inputs, side, side).to(memory_format=torch.channels_last)
    w = noise(outputs, inputs // groups, window, window).to(memory_format=torch.channels_last)
    forward = lambda: F.conv2d(x, w, padding=window // 2, stride=stride, groups=groups)
    with torch.no_grad():
        row(family, f"{name}, forward", forward)
        alone = rows[-1]["seconds"]
        dy = noise(*forward().shape).to(memory_format=torch.channels_last)
        backward = torch.ops.aten.convolution_backward
        pad, step = [window // 2] * 2, [stride] * 2
        for what, mask in (("data", [True, False, False]), ("weights", [False, True, False])):
            row(family, f"{name}, {what}",
                lambda: backward(dy, x, w, None, step, pad, [1, 1], False, [0, 0], groups, mask))
            alone += rows[-1]["seconds"]
    rows.append({"family": family, "name": f"{name}, with gradients", "seconds": alone})


for batch, side, inputs, outputs, window, stride in (
        (16, 32, 32, 64, 3, 1), (16, 16, 64, 128, 3, 1), (16, 32, 64, 256, 1, 1), (64, 56, 64, 64, 3, 1),
        (64, 28, 128, 128, 3, 1), (64, 56, 128, 128, 3, 2), (64, 7, 512, 512, 3, 1)):
    stepping = f" /{stride}" if stride > 1 else ""
    name = f"{batch}×{side}×{side}×{inputs}→{outputs} {window}×{window}{stepping}"
    convolution("conv2d", name, batch, side, inputs, outputs, window, stride)
convolution("depthwise", "16×16×16×96 3×3", 16, 16, 96, 96, 3, 1, groups=96)

with torch.no_grad():
    count = 64 << 20
    a, b = noise(count), noise(count)
    row("elementwise", "add 64 M", lambda: a + b)
    row("elementwise", "relu 64 M", lambda: torch.relu(a))
    row("reduce", "sum 64 M", lambda: a.sum())
    square = a.reshape(count // 1024, 1024)
    row("reduce", f"columns {count // 1024}×1024", lambda: square.sum(0))
    s = noise(4096, 1024)
    row("softmax", "4096×1024", lambda: torch.softmax(s, 1))
    target = torch.empty_like(a)
    row("copy", "copy 64 M", lambda: target.copy_(a))


def mlp():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))


def cnn():
    return nn.Sequential(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3, padding=1),
                         nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64 * 49, 128), nn.ReLU(), nn.Linear(128, 10))


# As in src/bench/steps.rs: name, network, channels, rows and columns of an image, classes, batches.
NETWORKS = [
    ("mlp", mlp, (1, 28, 28), 10, (256, 4096)),
    ("cnn", cnn, (1, 28, 28), 10, (64, 1024)),
]

for name, build, image, classes, batches in NETWORKS:
    for batch in batches:
        for kind in ("eager", "fused Adam"):
            model = build().to(device)
            x, y = noise(batch, *image), (torch.arange(batch) % classes).to(device)
            optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, fused=kind != "eager")

            def step():
                optimiser.zero_grad(set_to_none=True)
                F.cross_entropy(model(x), y).backward()
                optimiser.step()

            torch.cuda.reset_peak_memory_stats()
            row("step", f"{name}, batch {batch}, {kind}", step)
            rows[-1]["peak_bytes"] = torch.cuda.max_memory_allocated()

print(json.dumps({"torch": torch.__version__, "device": torch.cuda.get_device_name(), "rows": rows}))
