//! Says whether the target's instructions are among those that a kernel of its own is written in.

use std::env;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(dsp)");
    let target = env::var("TARGET").unwrap_or_default();
    // ARMv7E-M has the DSP extension; ARMv8-M may have it, which the feature says.
    let has_dsp = target.starts_with("thumbv7em")
        || target.starts_with("thumbv8m.main") && env::var_os("CARGO_FEATURE_DSP").is_some();
    if has_dsp {
        println!("cargo::rustc-cfg=dsp");
    }
}
