//! `cargo xtask licences`: every crate in the build has a licence that this project can live with.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context, bail, ensure};
use spdx::{Expression, LicenseReq};

/// SPDX identifiers accepted without further thought: permissive, or weak copyleft by file.
const ACCEPTED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

pub(crate) fn run() -> anyhow::Result<()> {
    let packages = packages()?;
    let mut refused = Vec::new();
    for (name, licence) in &packages {
        // Old manifests write "MIT/Apache-2.0" for "MIT OR Apache-2.0".
        let accepted = Expression::parse(&licence.replace('/', " OR "))
            .is_ok_and(|expression| expression.evaluate(is_accepted));
        if !accepted {
            refused.push(format!("{name}: {licence:?}"));
        }
    }
    if refused.is_empty() {
        println!("{} packages, every licence accepted", packages.len());
        return Ok(());
    }
    bail!(
        "licences that are not accepted:\n  {}",
        refused.join("\n  ")
    );
}

/// Name and licence of every package that default features, and all drivers of boards, bring into a build, on any platform.
fn packages() -> anyhow::Result<BTreeSet<(String, String)>> {
    let mut packages = BTreeSet::new();
    // The boards' drivers are features of which a build has one.
    for (folder, features) in [
        ("", None),
        ("device/firmware", Some("--all-features")),
        ("device/c", None),
    ] {
        let output = Command::new(env!("CARGO"))
            .args(["tree", "--workspace", "--target", "all", "--prefix", "none"])
            .args(["--format", "{p}|{l}"])
            .args(features)
            .current_dir(crate::root().join(folder))
            .output()
            .context("cargo could not be started")?;
        ensure!(
            output.status.success(),
            "cargo tree failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        // A package seen before is marked "(*)" behind its licence.
        let lines = String::from_utf8(output.stdout)?;
        packages.extend(
            lines
                .lines()
                .filter_map(|line| line.trim_end_matches(" (*)").split_once('|'))
                .map(|(name, licence)| (name.to_owned(), licence.to_owned())),
        );
    }
    Ok(packages)
}

fn is_accepted(requirement: &LicenseReq) -> bool {
    requirement
        .license
        .id()
        .is_some_and(|id| ACCEPTED.contains(&id.name))
}
