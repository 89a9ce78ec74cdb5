//! Names of the classes.

/// The fewest classes of a model.
pub const MIN_LABELS: usize = 2;
/// The most classes of a model.
pub const MAX_LABELS: usize = 64;

/// Why bytes are no list of labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LabelsError {
    /// The list is longer or shorter than it says.
    Length,
    /// There are fewer than [`MIN_LABELS`] or more than [`MAX_LABELS`].
    Count(usize),
    /// The name of this number is empty, longer than 255 bytes or no UTF-8.
    Name(usize),
    /// The name of this number is that of an earlier label.
    Repeated(usize),
}

impl core::fmt::Display for LabelsError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Length => f.write_str("the list of labels is longer or shorter than it says"),
            Self::Count(n) => write!(
                f,
                "{n} labels where {MIN_LABELS} to {MAX_LABELS} are possible"
            ),
            Self::Name(i) => write!(f, "label {i} is empty, longer than 255 bytes or no UTF-8"),
            Self::Repeated(i) => write!(f, "label {i} has the name of an earlier one"),
        }
    }
}

impl core::error::Error for LabelsError {}

/// A checked view of 2 to 64 different names.
///
/// The bytes: the number of names, then each as its length and that many bytes of UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Labels<'a> {
    count: u8,
    names: &'a [u8],
}

impl<'a> Labels<'a> {
    /// Checks bytes and gives a view of them.
    ///
    /// # Errors
    /// Anything but a whole list of 2 to 64 different names.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, LabelsError> {
        let (&count, names) = bytes.split_first().ok_or(LabelsError::Length)?;
        if !(MIN_LABELS..=MAX_LABELS).contains(&usize::from(count)) {
            return Err(LabelsError::Count(count.into()));
        }
        let mut rest = names;
        for i in 0..usize::from(count) {
            let (&length, tail) = rest.split_first().ok_or(LabelsError::Length)?;
            let (name, tail) = tail
                .split_at_checked(length.into())
                .ok_or(LabelsError::Length)?;
            if name.is_empty() || core::str::from_utf8(name).is_err() {
                return Err(LabelsError::Name(i));
            }
            rest = tail;
        }
        if !rest.is_empty() {
            return Err(LabelsError::Length);
        }
        let labels = Self { count, names };
        for (i, name) in labels.iter().enumerate() {
            if labels.iter().take(i).any(|earlier| earlier == name) {
                return Err(LabelsError::Repeated(i));
            }
        }
        Ok(labels)
    }

    /// Number of classes.
    #[allow(clippy::len_without_is_empty, reason = "there are always at least two")]
    pub fn len(&self) -> usize {
        self.count.into()
    }

    /// Name of a class; empty if there is no such class.
    pub fn name(&self, class: usize) -> &'a str {
        self.iter().nth(class).unwrap_or_default()
    }

    /// The names in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let mut rest = self.names;
        core::iter::from_fn(move || {
            let (&length, tail) = rest.split_first()?;
            let (name, tail) = tail.split_at_checked(length.into())?;
            rest = tail;
            core::str::from_utf8(name).ok()
        })
    }
}

/// The bytes of a list of labels.
///
/// # Errors
/// Names that [`Labels::parse`] would refuse.
#[cfg(feature = "build")]
pub fn to_bytes<S: AsRef<str>>(names: &[S]) -> Result<alloc::vec::Vec<u8>, LabelsError> {
    let mut bytes =
        alloc::vec![u8::try_from(names.len()).map_err(|_| LabelsError::Count(names.len()))?];
    for (i, name) in names.iter().enumerate() {
        let name = name.as_ref().as_bytes();
        bytes.push(u8::try_from(name.len()).map_err(|_| LabelsError::Name(i))?);
        bytes.extend_from_slice(name);
    }
    Labels::parse(&bytes)?;
    Ok(bytes)
}
