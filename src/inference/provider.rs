//! Execution providers: where a network runs.

/// Which execution provider is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each variant is the provider of its name")]
pub enum Provider {
    #[default]
    Auto,
    Cpu,
    Cuda,
    TensorRt,
    DirectMl,
    CoreMl,
    OpenVino,
    WebGpu,
}

impl Provider {
    /// Every provider but [`Provider::Auto`].
    pub const REAL: [Self; 7] =
        [Self::Cpu, Self::Cuda, Self::TensorRt, Self::DirectMl, Self::CoreMl, Self::OpenVino, Self::WebGpu];

    /// As the command line and the records name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::TensorRt => "tensorrt",
            Self::DirectMl => "directml",
            Self::CoreMl => "coreml",
            Self::OpenVino => "openvino",
            Self::WebGpu => "webgpu",
        }
    }
}

impl std::fmt::Display for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Provider {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let all = std::iter::once(Self::Auto).chain(Self::REAL);
        all.clone().find(|p| p.name() == name).ok_or_else(|| {
            let names: Vec<&str> = all.map(Self::name).collect();
            format!("there is no provider `{name}`; choose one of {}", names.join(", "))
        })
    }
}
