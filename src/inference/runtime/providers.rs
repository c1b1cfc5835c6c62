//! Which execution providers really run.

use ort::ep::{self, ExecutionProvider, ExecutionProviderDispatch};
use ort::session::Session;
use ort::value::TensorRef;
use serde::Serialize;

use super::library::{LoadError, Loaded, loaded};
use super::locate::Found;
use crate::inference::engine::Provider;

/// What `runtime status` shows.
#[derive(Debug, Clone, Serialize)]
pub struct RuntimeStatus {
    /// The library that is loaded.
    #[serde(flatten)]
    pub found: Found,
    /// What the library says of its own build.
    pub build: String,
    /// Every provider that Veritome can ask for.
    pub providers: Vec<ProviderStatus>,
}

/// One execution provider, tried on a tiny graph (a 3D convolution whose answer is known).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProviderStatus {
    /// Which.
    pub provider: Provider,
    /// Whether the library was built with it.
    pub built_in: bool,
    /// Whether it computed the tiny graph right, without the processor's help.
    pub works: bool,
    /// Why not, and what to do; empty when it works.
    pub reason: String,
}

/// Loads ONNX Runtime and tries every provider.
///
/// # Errors
/// When there is no library or it does not load.
pub fn status() -> Result<RuntimeStatus, LoadError> {
    let loaded = loaded()?;
    let providers = Provider::REAL.iter().map(|p| probe(loaded, *p)).collect();
    Ok(RuntimeStatus { found: loaded.found.clone(), build: ort::info().to_owned(), providers })
}

fn probe(loaded: &Loaded, provider: Provider) -> ProviderStatus {
    let built_in = is_built_in(provider);
    let outcome = if built_in {
        try_tiny(loaded, provider)
    } else {
        Err(format!("this ONNX Runtime was built without it; {}", remedy(provider)))
    };
    ProviderStatus { provider, built_in, works: outcome.is_ok(), reason: outcome.err().unwrap_or_default() }
}

/// Whether the loaded library was built with a provider; that it loads is another matter.
pub(crate) fn is_built_in(provider: Provider) -> bool {
    match provider {
        Provider::Auto | Provider::Cpu => Ok(true),
        Provider::Cuda => ep::CUDA::is_available(),
        Provider::TensorRt => ep::TensorRT::is_available(),
        Provider::DirectMl => ep::DirectML::is_available(),
        Provider::CoreMl => ep::CoreML::is_available(),
        Provider::OpenVino => ep::OpenVINO::is_available(),
        Provider::WebGpu => ep::WebGPU::is_available(),
    }
    .unwrap_or(false)
}

/// The provider as ONNX Runtime registers it, failing loudly; `None` for the processor, which is always there.
pub(crate) fn dispatch(provider: Provider) -> Option<ExecutionProviderDispatch> {
    let dispatch = match provider {
        Provider::Auto | Provider::Cpu => return None,
        // The default search tries every algorithm anew for each shape.
        Provider::Cuda => {
            ep::CUDA::default().with_conv_algorithm_search(ep::cuda::ConvAlgorithmSearch::Heuristic).build()
        }
        Provider::TensorRt => ep::TensorRT::default().build(),
        Provider::DirectMl => ep::DirectML::default().build(),
        Provider::CoreMl => ep::CoreML::default().build(),
        Provider::OpenVino => ep::OpenVINO::default().build(),
        Provider::WebGpu => ep::WebGPU::default().build(),
    };
    Some(dispatch.error_on_failure())
}

/// What a person can do when a provider is not there.
pub(crate) fn remedy(provider: Provider) -> &'static str {
    match provider {
        Provider::Auto | Provider::Cpu => "run `veritome runtime install cpu`",
        Provider::Cuda | Provider::TensorRt => {
            "run `veritome runtime install cuda` and check the NVIDIA driver, CUDA and cuDNN"
        }
        Provider::DirectMl => "run `veritome runtime install directml` (Windows only)",
        Provider::CoreMl => "it is part of ONNX Runtime for macOS only",
        Provider::OpenVino => "point ORT_DYLIB_PATH at a build with OpenVINO",
        Provider::WebGpu => "point ORT_DYLIB_PATH at a build with WebGPU",
    }
}

fn try_tiny(loaded: &Loaded, provider: Provider) -> Result<(), String> {
    let failed = |e: String| format!("{}; {}", first_line(&e), remedy(provider));
    let run = || -> Result<bool, ort::Error> {
        let mut builder = Session::builder(&loaded.environment)?.with_intra_threads(1)?;
        if let Some(dispatch) = dispatch(provider) {
            builder = builder.with_execution_providers([dispatch])?.with_disable_cpu_fallback()?;
            if provider == Provider::DirectMl {
                builder = builder.with_memory_pattern(false)?.with_parallel_execution(false)?;
            }
        }
        let mut session = builder.commit_from_memory(include_bytes!("../../../assets/inference/probe.onnx"))?;
        let ones = vec![1.0_f32; 64];
        let input = TensorRef::from_array_view(([1_usize, 1, 4, 4, 4], ones.as_slice()))?;
        let outputs = session.run(ort::inputs!["image" => input])?;
        let (_, out) = outputs[0].try_extract_tensor::<f32>()?;
        // A corner has 8 neighbours in the cube, an inner voxel 27.
        let near = |at: usize, expected: f32| out.get(at).is_some_and(|x| (x - expected).abs() < 1e-2);
        Ok(near(0, 8.0) && near(21, 27.0))
    };
    match run() {
        Ok(true) => Ok(()),
        Ok(false) => Err("it gives a wrong result for a small convolution; update the graphics driver".to_owned()),
        Err(e) => Err(failed(e.to_string())),
    }
}

/// The first line of a long message, without what the library adds of its own source: a failed call to the graphics library is
/// told behind C++ signatures of a thousand letters, and file, line and host come after it.
pub(crate) fn first_line(message: &str) -> String {
    const CALLS: [&str; 5] = ["CUDA failure", "CUDNN failure", "CUBLAS failure", "CUFFT failure", "CURAND failure"];
    let call = CALLS.iter().filter_map(|call| message.find(call)).min();
    let told = match (call, message.find("[ONNXRuntimeError]")) {
        (Some(at), _) => message[at..].split(" ; ").next().unwrap_or_default(),
        // `PLACE SIGNATURE [ONNXRuntimeError] : NUMBER : KIND : WHAT HAPPENED`
        (None, Some(at)) => message[at..].splitn(4, " : ").nth(3).unwrap_or(message),
        (None, None) => message,
    };
    told.lines().next().unwrap_or_default().trim_end().chars().take(400).collect()
}

#[cfg(test)]
mod tests {
    use super::first_line;

    #[test]
    fn a_failed_call_is_told_without_the_signature_before_it() {
        let signature =
            "std::conditional_t<THRW, void, common::Status> onnxruntime::CudaCall(ERRTYPE, const char*) ".repeat(9);
        let message = format!(
            "cuda_call.cc:129 {signature}[with ERRTYPE = cudaError] CUDA failure 35: CUDA driver version is insufficient for CUDA \
             runtime version ; GPU=-1 ; hostname=h ; file=/onnxruntime/cuda_execution_provider.cc ; line=331 ; \nexpr=cudaSetDevice"
        );
        assert_eq!(
            first_line(&message),
            "CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version"
        );
        let library = "/src/provider_bridge.cc:2043 Provider& Get() [ONNXRuntimeError] : 1 : FAIL : Failed to load library \
                       libtensorrt.so with error: libnvinfer.so.10: no such file";
        assert_eq!(
            first_line(library),
            "Failed to load library libtensorrt.so with error: libnvinfer.so.10: no such file"
        );
        assert_eq!(first_line("no such file\nstack"), "no such file");
        assert_eq!(first_line(&"é".repeat(500)).chars().count(), 400);
    }
}
