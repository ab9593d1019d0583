# make demo   trains a small model at many sizes, predicts the largest, plans a larger training, and writes demo/report.html
# make test   everything that is checked before a change is accepted
# make bench  kernels and training steps, timed

# Mesa complains where no session has set this. The driver sets it itself; tests and benches open devices without it.
test bench: export XDG_RUNTIME_DIR ?= /tmp

.PHONY: demo test bench adapter

demo:
	cargo build --release --locked
	target/release/allometry sweep --model residual --resolution 14 --axis depth,width,resolution --factors 0.5,1,2 \
		--flops 8e10,1.6e11,3.2e11 --epochs 1 --batch 16 --seeds 0,1 --predict 1 --out demo
	target/release/allometry plan demo --budget 4TFLOP
	@echo
	@echo "Open $(CURDIR)/demo/report.html in a browser."

test: adapter
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --no-default-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps
	cargo test --locked --no-fail-fast

bench:
	cargo bench --locked

# The WGSL kernels are tested on a GPU or, where there is none, on Mesa's software Vulkan driver.
adapter:
	@scripts/ensure-adapter
