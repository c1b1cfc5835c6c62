//! The `veritome` program: see `veritome help`.

fn main() -> anyhow::Result<()> {
    let paths = std::env::args_os().skip(1).filter(|a| a != "open").map(Into::into).collect();
    veritome::app::open_window(paths, veritome::app::WindowOptions::default())
}
