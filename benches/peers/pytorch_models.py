"""The work of `cargo bench --bench models` in PyTorch and torchvision on two CPU threads: one line of JSON for each model.

usage: python pytorch_models.py [NAME LAYOUT]     (without them each model in both layouts, in processes of their own)

Samples per second are the median of seven blocks of about a second after a warm-up; peak_mib is the resident memory at its
peak less what was resident before the model was built.
"""
import json
import statistics
import subprocess
import sys
import time

import torch
import torch.nn.functional as F
import torchvision
from torch import nn

torch.set_num_threads(2)


class Basic(nn.Module):
    """A basic block with a padded shortcut (He et al. 2016, section 4.2)."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.stride, self.padding = stride, outputs - inputs

    def forward(self, x):
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)), inplace=True)))
        if self.stride > 1:
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.padding))
        return F.relu(y + x, inplace=True)


def resnet20():
    layers = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True)]
    inputs = 16
    for outputs in (16, 32, 64):
        for block in range(3):
            layers.append(Basic(inputs, outputs, 2 if block == 0 and outputs > 16 else 1))
            inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


# Name, model, rows of the image, batch, whether it trains. As in benches/models.rs.
WORKS = [
    ("resnet20", resnet20, 32, 64, True),
    ("mobilenet-v2", torchvision.models.mobilenet_v2, 96, 16, True),
    ("efficientnet-b0", torchvision.models.efficientnet_b0, 96, 8, True),
    ("resnet18-inference", torchvision.models.resnet18, 224, 1, False),
]


def status_mib(key):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith(key + ":"))


def seconds_of(work):
    work()
    start = time.perf_counter()
    work()
    calls = max(1, int(1 / (time.perf_counter() - start)) + 1)
    blocks = []
    for _ in range(7):
        start = time.perf_counter()
        for _ in range(calls):
            work()
        blocks.append((time.perf_counter() - start) / calls)
    return statistics.median(blocks)


LAYOUTS = {"nchw": torch.contiguous_format, "nhwc": torch.channels_last}


def run(layout, name, build, rows, batch, trains):
    torch.manual_seed(0)
    x = torch.rand(batch, 3, rows, rows).to(memory_format=LAYOUTS[layout])
    resident = status_mib("VmRSS")
    model = build().to(memory_format=LAYOUTS[layout])
    if trains:
        labels = torch.arange(batch) % 10
        optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)

        def step():
            optimiser.zero_grad(set_to_none=True)
            loss = F.cross_entropy(model(x), labels)
            loss.backward()
            optimiser.step()
            loss.item()

        seconds = seconds_of(step)
    else:
        model.eval()

        def predict():
            with torch.inference_mode():
                model(x).numpy()

        seconds = seconds_of(predict)
    peak = status_mib("VmHWM") - resident
    print(json.dumps({"name": name, "layout": layout, "batch": batch, "samples_per_second": round(batch / seconds, 2), "peak_mib": round(peak)}))


if __name__ == "__main__":
    if len(sys.argv) > 2:
        run(sys.argv[2], *next(work for work in WORKS if work[0] == sys.argv[1]))
    else:
        for work in WORKS:
            for layout in LAYOUTS:
                subprocess.run([sys.executable, __file__, work[0], layout], check=True)
