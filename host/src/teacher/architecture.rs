//! The encoders that are known, and how Hugging Face `transformers` names their parameters.

/// A kind of encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Architecture {
    /// Position and segment embeddings.
    Bert,
    /// Position embeddings, and a bias of attention by distance.
    Mpnet,
}

impl Architecture {
    /// The class that loads a classifier of this kind.
    pub(super) const fn classifier(self) -> &'static str {
        match self {
            Self::Bert => "BertForSequenceClassification",
            Self::Mpnet => "MPNetForSequenceClassification",
        }
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::Bert => "bert.",
            Self::Mpnet => "mpnet.",
        }
    }

    /// The name in a classifier's file of a parameter that a bare encoder's has without prefix.
    pub(super) fn whole_name(self, name: String) -> String {
        match name.starts_with(self.prefix()) || name.starts_with("classifier.") {
            true => name,
            false => format!("{}{name}", self.prefix()),
        }
    }

    /// Whether a parameter is of what stands behind the encoder, which a bare encoder's file may lack.
    pub(super) fn is_head(self, name: &str) -> bool {
        name.starts_with("classifier.") || name.starts_with("bert.pooler.")
    }

    /// The name of a parameter in a classifier's file by its path in [`super::bert::Bert`], and whether its matrix is stored transposed
    /// (`[out, in]`).
    pub(super) fn parameter(self, path: &[String]) -> (String, bool) {
        let parts: Vec<&str> = path.iter().map(String::as_str).collect();
        let leaf = |name: &str| match name {
            "gamma" | "weight" => "weight",
            _ => "bias",
        };
        let encoder = self.prefix();
        match parts.as_slice() {
            ["word_embeddings" | "position_embeddings" | "token_type_embeddings"] => {
                (format!("{encoder}embeddings.{}.weight", parts[0]), false)
            }
            ["relative_attention_bias"] => {
                let name = format!("{encoder}encoder.relative_attention_bias.weight");
                (name, false)
            }
            ["embedding_norm", name] => {
                let name = format!("{encoder}embeddings.LayerNorm.{}", leaf(name));
                (name, false)
            }
            ["pooler", name] => match self {
                Self::Bert => (format!("{encoder}pooler.dense.{name}"), true),
                Self::Mpnet => (format!("classifier.dense.{name}"), true),
            },
            ["classifier", name] => match self {
                Self::Bert => (format!("classifier.{name}"), true),
                Self::Mpnet => (format!("classifier.out_proj.{name}"), true),
            },
            ["layers", index, part, name] => {
                let layer = format!("{encoder}encoder.layer.{index}");
                let name = format!("{layer}.{}.{}", self.layer_part(part), leaf(name));
                (name, !part.ends_with("norm"))
            }
            _ => (parts.join("."), false),
        }
    }

    fn layer_part(self, part: &str) -> &'static str {
        match (self, part) {
            (Self::Bert, "query") => "attention.self.query",
            (Self::Bert, "key") => "attention.self.key",
            (Self::Bert, "value") => "attention.self.value",
            (Self::Bert, "attention_output") => "attention.output.dense",
            (Self::Bert, "attention_norm") => "attention.output.LayerNorm",
            (Self::Mpnet, "query") => "attention.attn.q",
            (Self::Mpnet, "key") => "attention.attn.k",
            (Self::Mpnet, "value") => "attention.attn.v",
            (Self::Mpnet, "attention_output") => "attention.attn.o",
            (Self::Mpnet, "attention_norm") => "attention.LayerNorm",
            (_, "intermediate") => "intermediate.dense",
            (_, "output") => "output.dense",
            _ => "output.LayerNorm",
        }
    }
}
