//! Says whether the target's instructions are among those that a kernel of its own is written in.

use std::env;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(dsp)");
    // ARMv7E-M is ARMv7-M with the DSP extension.
    if env::var("TARGET").is_ok_and(|target| target.starts_with("thumbv7em")) {
        println!("cargo::rustc-cfg=dsp");
    }
}
