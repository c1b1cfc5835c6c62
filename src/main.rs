//! The `veritome` program: see `veritome help`.

fn main() -> std::process::ExitCode {
    veritome::cli::main()
}
