//! `cargo xtask deps`: the crates depend on each other as the README says, in one direction only.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use cargo_metadata::{DependencyKind, MetadataCommand};

pub(crate) fn run() -> anyhow::Result<()> {
    let metadata = MetadataCommand::new()
        .current_dir(crate::root())
        .no_deps()
        .exec()
        .context("cargo metadata failed")?;
    let readme_path = crate::root().join("README.md");
    let readme = std::fs::read_to_string(&readme_path)
        .with_context(|| format!("{} cannot be read", readme_path.display()))?;
    let names: BTreeSet<String> = metadata
        .packages
        .iter()
        .map(|package| package.name.to_string())
        .collect();
    for package in &metadata.packages {
        let built: BTreeSet<String> = package
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind == DependencyKind::Normal)
            .map(|dependency| dependency.name.clone())
            .filter(|name| names.contains(name))
            .collect();
        let told = row_of(&readme, &package.name).with_context(|| {
            format!(
                "README.md's table of crates has no row for {}",
                package.name
            )
        })?;
        ensure!(
            built == told,
            "{} depends on {built:?}, but README.md's table of crates says {told:?}",
            package.name
        );
    }
    println!("{} crates depend on each other as documented", names.len());
    Ok(())
}

/// The crates named in the second column of the row whose first column is `` `name` ``.
fn row_of(readme: &str, name: &str) -> Option<BTreeSet<String>> {
    let cell = readme.lines().find_map(|line| {
        let mut cells = line.split('|').map(str::trim).skip(1);
        (cells.next()? == format!("`{name}`")).then(|| cells.next())?
    })?;
    Some(
        cell.split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect(),
    )
}
