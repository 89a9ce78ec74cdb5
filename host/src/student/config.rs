//! How a student looks.

use serde::{Deserialize, Serialize};

use super::StudentError;

/// Sizes of a student's layers: embedding → causal convolutions over time → maximum and mean over time → dense layers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StudentConfig {
    /// The most pieces of the vocabulary.
    pub pieces: usize,
    /// Values of an embedding.
    pub embedding: usize,
    /// Bits of an embedding's value: 4 or 8.
    pub embedding_bits: u8,
    /// Codes instead of an embedding's values; `embedding_bits` does not count then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<ProductConfig>,
    /// Whether maxima over time are features.
    pub max_pool: bool,
    /// Whether means over time are features.
    pub mean_pool: bool,
    /// Widths of dense layers, each followed by a ReLU, between the features and the logits.
    pub hidden: Vec<usize>,
    /// The convolutions, each followed by a ReLU.
    pub convs: Vec<ConvConfig>,
}

/// Product quantization of the embedding: each row is cut into parts, each part is one of some centroids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductConfig {
    /// Parts of a row, a byte each.
    pub codes: usize,
    /// Centroids of a part: 2 to 256.
    #[serde(default = "all_codes")]
    pub centroids: usize,
    /// Sets of centroids; as many parts, one after the other, have the same. A divisor of the codes.
    #[serde(default = "one")]
    pub codebooks: usize,
}

/// A causal convolution with ReLU.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvConfig {
    /// Values of an output position.
    pub channels: usize,
    /// Positions that are seen.
    #[serde(default = "three")]
    pub kernel: usize,
    /// Distance between them.
    #[serde(default = "one")]
    pub dilation: usize,
    /// Groups of channels that do not see each other.
    #[serde(default = "one")]
    pub groups: usize,
    /// Whether each input channel is convolved by itself, and a convolution of kernel 1 mixes them behind (depthwise
    /// separable, Chollet 2017, <https://arxiv.org/abs/1610.02357>).
    #[serde(default)]
    pub separable: bool,
    /// Whether the layer's input is added to its output.
    #[serde(default)]
    pub residual: bool,
    /// Bits of a weight: 4 or 8. Those of a depthwise part have 8.
    #[serde(default = "eight")]
    pub bits: u8,
}

const fn one() -> usize {
    1
}

const fn eight() -> u8 {
    8
}

const fn all_codes() -> usize {
    256
}

const fn three() -> usize {
    3
}

impl Default for StudentConfig {
    /// What fields that a file of sizes leaves out have.
    fn default() -> Self {
        let conv = |residual| ConvConfig {
            channels: 64,
            kernel: 3,
            dilation: 1,
            groups: 1,
            separable: false,
            residual,
            bits: 8,
        };
        Self {
            pieces: 6_000,
            embedding: 48,
            embedding_bits: 4,
            product: None,
            max_pool: true,
            mean_pool: true,
            hidden: vec![],
            convs: vec![conv(false), conv(true), conv(true)],
        }
    }
}

impl StudentConfig {
    /// Reads TOML; fields that are left out have their default.
    ///
    /// # Errors
    /// No such TOML, or numbers that make no network.
    pub fn from_toml(text: &str) -> Result<Self, StudentError> {
        let config: Self = toml::from_str(text).map_err(|e| StudentError::Config(e.to_string()))?;
        config.validate()?;
        Ok(config)
    }

    /// Checks the numbers.
    ///
    /// # Errors
    /// Numbers that make no network; the message names the field.
    pub fn validate(&self) -> Result<(), StudentError> {
        let fail = |text: String| Err(StudentError::Config(text));
        let width = |name: &str, value: usize| match value {
            1..=1024 => Ok(()),
            _ => Err(StudentError::Config(format!(
                "{name} = {value}: 1 to 1024 is expected"
            ))),
        };
        if !(1..=60_000).contains(&self.pieces) {
            return fail(format!("pieces = {}: 1 to 60000 is expected", self.pieces));
        }
        if ![4, 8].contains(&self.embedding_bits) {
            return fail(format!(
                "embedding_bits = {}: 4 or 8 is expected",
                self.embedding_bits
            ));
        }
        if !self.max_pool && !self.mean_pool {
            return fail("max_pool and mean_pool are both false: one must be true".to_owned());
        }
        width("embedding", self.embedding)?;
        if let Some(ProductConfig {
            codes,
            centroids,
            codebooks,
        }) = self.product
        {
            if codes == 0 || !self.embedding.is_multiple_of(codes) {
                return fail(format!(
                    "product.codes = {codes}: a divisor of embedding = {} is expected",
                    self.embedding
                ));
            }
            if codebooks == 0 || !codes.is_multiple_of(codebooks) {
                return fail(format!(
                    "product.codebooks = {codebooks}: a divisor of codes = {codes} is expected"
                ));
            }
            if !(2..=256).contains(&centroids) {
                return fail(format!(
                    "product.centroids = {centroids}: 2 to 256 is expected"
                ));
            }
        }
        for &hidden in &self.hidden {
            width("hidden", hidden)?;
        }
        let mut channels = self.embedding;
        for (index, conv) in self.convs.iter().enumerate() {
            let name = |field: &str| format!("convs[{index}].{field}");
            width(&name("channels"), conv.channels)?;
            if !(1..=64).contains(&conv.kernel) || !(1..=256).contains(&conv.dilation) {
                return fail(format!(
                    "{} = {}, dilation = {}: 1 to 64 and 1 to 256 are expected",
                    name("kernel"),
                    conv.kernel,
                    conv.dilation
                ));
            }
            if ![4, 8].contains(&conv.bits) {
                return fail(format!(
                    "{} = {}: 4 or 8 is expected",
                    name("bits"),
                    conv.bits
                ));
            }
            let group = thimble_shared::format::INT4_GROUP;
            if conv.bits == 4 && !(conv.groups == 1 && channels.is_multiple_of(group)) {
                return fail(format!(
                    "{} = 4 wants groups = 1 and an input whose channels are a multiple of {group}, not {} and {channels}",
                    name("bits"),
                    conv.groups
                ));
            }
            if conv.groups == 0
                || !channels.is_multiple_of(conv.groups)
                || !conv.channels.is_multiple_of(conv.groups)
            {
                return fail(format!(
                    "{} = {} divides its input's {channels} and its own {} channels not evenly",
                    name("groups"),
                    conv.groups,
                    conv.channels
                ));
            }
            if conv.separable && conv.groups != 1 {
                return fail(format!(
                    "{} = {}: a separable convolution has one group",
                    name("groups"),
                    conv.groups
                ));
            }
            if conv.residual && conv.channels != channels {
                return fail(format!(
                    "{} = true wants as many channels as come in, {channels}, not {}",
                    name("residual"),
                    conv.channels
                ));
            }
            channels = conv.channels;
        }
        let layers = 3
            + self.hidden.len()
            + self
                .convs
                .iter()
                .map(|conv| 1 + usize::from(conv.separable) + usize::from(conv.residual))
                .sum::<usize>();
        if layers > thimble_shared::format::MAX_LAYERS {
            return fail(format!(
                "{layers} layers, but a model file holds {}",
                thimble_shared::format::MAX_LAYERS
            ));
        }
        Ok(())
    }

    /// Bytes of a row of the embedding.
    pub fn row_bytes(&self) -> usize {
        match self.product {
            Some(product) => product.codes,
            None => (self.embedding * usize::from(self.embedding_bits)).div_ceil(8),
        }
    }

    /// Values of a position where it is pooled.
    pub fn pooled(&self) -> usize {
        self.convs
            .last()
            .map_or(self.embedding, |conv| conv.channels)
    }

    /// Values of the feature vector.
    pub fn features(&self) -> usize {
        self.pooled() * (usize::from(self.max_pool) + usize::from(self.mean_pool))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_is_read_and_checked() {
        let config = StudentConfig::from_toml(
            "pieces = 500\nembedding = 8\nembedding_bits = 8\nhidden = [4]\nconvs = [{ channels = 8, residual = true, groups = 2 }]",
        )
        .unwrap();
        assert_eq!((config.convs[0].kernel, config.features()), (3, 16));
        for (text, named) in [
            ("piece = 5", "piece"),
            ("pieces = 0", "pieces"),
            ("embedding = 0", "embedding"),
            ("embedding_bits = 3", "embedding_bits"),
            ("product = { codes = 7 }", "product.codes"),
            (
                "product = { codes = 8, centroids = 257 }",
                "product.centroids",
            ),
            (
                "product = { codes = 8, codebooks = 3 }",
                "product.codebooks",
            ),
            ("max_pool = false\nmean_pool = false", "max_pool"),
            (
                "convs = [{ channels = 8, residual = true }]",
                "convs[0].residual",
            ),
            ("convs = [{ channels = 8, groups = 5 }]", "convs[0].groups"),
            ("convs = [{ channels = 8, kernel = 0 }]", "convs[0].kernel"),
            ("convs = [{ channels = 8, bits = 5 }]", "convs[0].bits"),
            (
                "embedding = 12\nconvs = [{ channels = 8, bits = 4 }]",
                "convs[0].bits",
            ),
            (
                "convs = [{ channels = 8, groups = 2, separable = true }]",
                "convs[0].groups",
            ),
        ] {
            let error = StudentConfig::from_toml(text).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
        let product = StudentConfig {
            product: Some(ProductConfig {
                codes: 8,
                centroids: 64,
                codebooks: 2,
            }),
            ..StudentConfig::default()
        };
        for config in [StudentConfig::default(), product] {
            let toml = toml::to_string(&config).unwrap();
            assert_eq!(StudentConfig::from_toml(&toml).unwrap(), config);
        }
    }
}
