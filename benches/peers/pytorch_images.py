"""A folder of images read by a PyTorch DataLoader with two workers, as `benches/images.rs` reads it: crop with padding of 4, flip,
normalisation by channel, batches of 64. Prints a line of JSON with the images per second, the median of epochs after the first.

    pip install torch torchvision && python3 benches/peers/pytorch_images.py DIR
"""

import json
import statistics
import sys
import time

import torch
from torchvision import datasets, transforms


def main():
    transform = transforms.Compose([
        transforms.Resize(32),
        transforms.CenterCrop(32),
        transforms.RandomCrop(32, padding=4),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        transforms.Normalize((0.49, 0.48, 0.45), (0.25, 0.24, 0.26)),
    ])
    folder = datasets.ImageFolder(sys.argv[1] + "/train", transform)
    loader = torch.utils.data.DataLoader(folder, batch_size=64, shuffle=True, num_workers=2, drop_last=True, persistent_workers=True)
    rates = []
    for _ in range(4):
        start = time.perf_counter()
        count = sum(len(labels) for _, labels in loader)
        rates.append(count / (time.perf_counter() - start))
    print(json.dumps({"name": "DataLoader, 2 workers", "torch": torch.__version__, "read_per_second": round(statistics.median(rates[1:]))}))


main()
