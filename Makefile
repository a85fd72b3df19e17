# tolltap. Every target does its own set-up, and says what it installs.

.PHONY: help demo test bench bench-live lint deb setcap ci clean

help:
	@echo 'make demo        build, replay the captures in pcaps/, and show the records'
	@echo 'make test        every test'
	@echo 'make lint        formatting, clippy, dependencies, the contract'
	@echo 'make bench       speed, memory and instruction counts; results go to benches/results/'
	@echo 'make bench-live  the same of tap ports, in network namespaces; as root'
	@echo 'make deb         a Debian package, in target/deb'
	@echo 'make setcap      let whoever may run target/release/tolltap watch tap ports'
	@echo 'make ci          what the continuous integration runs'
	@echo 'make clean       remove what was built'

demo:
	@tools/setup demo
	cargo build --release --locked
	@tools/demo target/release/tolltap

test:
	@tools/setup test
	cargo test --locked --no-fail-fast

lint:
	@tools/setup lint
	@tools/lint

bench:
	@tools/setup bench
	@benches/run

bench-live:
	@tools/setup test
	@benches/run live

deb:
	@tools/setup deb
	@tools/deb

setcap:
	@tools/setup setcap
	cargo build --release --locked
	$(shell [ "$$(id -u)" = 0 ] || echo sudo) setcap cap_net_raw,cap_bpf,cap_perfmon+ep target/release/tolltap

ci:
	.ci/run

clean:
	cargo clean
