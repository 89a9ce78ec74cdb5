//! Says which of the kernels that are written for a kind of Cortex-M the target takes: `kernel`, and which as its value; beside it
//! `mve` if the core has vectors.

use std::env;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(kernel, values(none(), \"v6m\", \"v7m\", \"dsp\"))");
    println!("cargo::rustc-check-cfg=cfg(mve)");
    println!("cargo::rerun-if-env-changed=CARGO_ENCODED_RUSTFLAGS");
    let target = env::var("TARGET").unwrap_or_default();
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let (kernel, cpu) = match target.split('-').next() {
        Some("thumbv6m" | "thumbv8m.base") => ("v6m", "cortex-m0"),
        // ARMv7E-M is ARMv7-M with the DSP extension.
        Some("thumbv7em") => ("dsp", "cortex-m4"),
        // Cores of ARMv8-M have the extension or not; who names one in the flags says that it is there.
        Some("thumbv8m.main") if flags.contains("target-cpu=cortex-m33") => ("dsp", "cortex-m33"),
        Some("thumbv8m.main") if flags.contains("target-cpu=cortex-m55") => ("dsp", "cortex-m55"),
        Some("thumbv7m" | "thumbv8m.main") => ("v7m", "cortex-m3"),
        _ => return,
    };
    if cpu == "cortex-m55" {
        println!("cargo::rustc-cfg=mve");
    }
    println!("cargo::rustc-cfg=kernel");
    println!("cargo::rustc-cfg=kernel=\"{kernel}\"");
    println!("cargo::rustc-env=KERNEL_CPU={cpu}");
}
