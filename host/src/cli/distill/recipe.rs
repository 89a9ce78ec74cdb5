//! A recipe: a file that says all of a run of `thimble distill` but its seed, and names its inputs by digest.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde::Deserialize;

use super::Args;
use super::budget_args::bytes;
use crate::cli::common;
use crate::data;
use crate::student::{SoftLoss, StudentConfig};
use crate::teacher::Teacher;

/// A file in TOML. What is left out has the default of `thimble distill`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recipe {
    data: Option<Input>,
    dev: Option<Input>,
    #[serde(default)]
    unlabeled: Vec<Input>,
    teacher: Option<Input>,
    max_flash: Option<String>,
    max_ram: Option<String>,
    epochs: Option<f64>,
    batch_size: Option<usize>,
    learning_rate: Option<f64>,
    dropout: Option<f64>,
    alpha: Option<f64>,
    loss: Option<SoftLoss>,
    temperature: Option<f64>,
    /// The sizes of the student.
    pub(super) student: Option<StudentConfig>,
}

/// A file or folder, relative to the recipe's folder.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    path: PathBuf,
    /// SHA-256 of the file; of a teacher its digest, as soft targets name it.
    sha256: String,
    /// How to get it, for those who lack it.
    from: Option<String>,
}

impl Recipe {
    /// Reads a recipe.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = String::from_utf8(common::read_file(path)?)
            .with_context(|| format!("{} is no text", path.display()))?;
        let recipe: Self =
            toml::from_str(&text).with_context(|| format!("{} is no recipe", path.display()))?;
        if let Some(student) = &recipe.student {
            student
                .validate()
                .with_context(|| path.display().to_string())?;
        }
        Ok(recipe)
    }

    /// The arguments with what the recipe at `path` says; its inputs are there and have their digests.
    pub(super) fn arguments(&self, path: &Path, args: &Args) -> anyhow::Result<Args> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let file = |input: &Input| input.file(folder, path);
        let mut args = args.clone();
        let sources = &mut args.sources;
        sources.data = self.data.as_ref().map(file).transpose()?;
        sources.dev = self.dev.as_ref().map(file).transpose()?;
        sources.unlabeled = self.unlabeled.iter().map(file).collect::<Result<_, _>>()?;
        sources.teacher = self.teacher.as_ref().map(|input| folder.join(&input.path));
        args.epochs = self.epochs;
        let size = |text: &Option<String>, default| match text {
            Some(text) => bytes(text)
                .map_err(anyhow::Error::msg)
                .with_context(|| format!("{}: {text:?}", path.display())),
            None => Ok(default),
        };
        args.budget.max_flash = size(&self.max_flash, args.budget.max_flash)?;
        args.budget.max_ram = size(&self.max_ram, args.budget.max_ram)?;
        args.batch_size = self.batch_size.unwrap_or(args.batch_size);
        args.learning_rate = self.learning_rate.or(args.learning_rate);
        args.dropout = self.dropout;
        args.alpha = self.alpha.unwrap_or(args.alpha);
        args.loss = self.loss.unwrap_or(args.loss);
        args.temperature = self.temperature.unwrap_or(args.temperature);
        if args.out.is_none() {
            let name = |path: Option<&std::ffi::OsStr>| {
                path.map(|name| name.to_string_lossy().into_owned())
                    .unwrap_or_default()
            };
            let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
            let parent = name(whole.parent().and_then(Path::file_name));
            args.out = Some(Path::new("runs").join(format!(
                "{parent}-{}-seed-{}",
                name(whole.file_stem()),
                args.seed.seed
            )));
        }
        Ok(args)
    }

    /// Checks that the teacher is the recipe's.
    pub(super) fn check_teacher(
        &self,
        path: &Path,
        teacher: Option<&dyn Teacher>,
    ) -> anyhow::Result<()> {
        let (Some(input), Some(teacher)) = (&self.teacher, teacher) else {
            return Ok(());
        };
        input.check(path, &input.path, teacher.digest())
    }
}

impl Input {
    fn file(&self, folder: &Path, recipe: &Path) -> anyhow::Result<PathBuf> {
        let path = folder.join(&self.path);
        let digest = data::file_digest(&path)
            .with_context(|| format!("{} can't be read{}", path.display(), self.remedy()))?;
        self.check(recipe, &path, &digest)?;
        Ok(path)
    }

    fn check(&self, recipe: &Path, path: &Path, digest: &str) -> anyhow::Result<()> {
        ensure!(
            digest == self.sha256,
            "{} is not what {} was made with: its digest is {digest}, not {}{}",
            path.display(),
            recipe.display(),
            self.sha256,
            self.remedy()
        );
        Ok(())
    }

    fn remedy(&self) -> String {
        self.from
            .as_ref()
            .map(|from| format!("; it comes from: {from}"))
            .unwrap_or_default()
    }
}
