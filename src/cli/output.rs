//! What the command line prints. Both macros hide the standard library's of the same name in every subcommand: those panic when
//! the reader went away (`| head -1`), which is no defect and nothing to be told.
//!
//! The command itself goes on: what it writes to disk is finished, whoever reads along.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};

/// A line on standard output.
macro_rules! println {
    () => { $crate::cli::output::result(format_args!("\n")) };
    ($($words:tt)*) => { $crate::cli::output::result(format_args!("{}\n", format_args!($($words)*))) };
}

/// Text on standard output, as it is.
macro_rules! print {
    ($($words:tt)*) => { $crate::cli::output::result(format_args!($($words)*)) };
}

/// A line on standard error.
macro_rules! eprintln {
    ($($words:tt)*) => { $crate::cli::output::notice(format_args!($($words)*)) };
}

/// Writes a part of the result. Where standard output takes nothing more for another reason than that nobody reads, for instance
/// since the disk is full, the result would be cut without a word: then the program ends with status 1 and says so.
pub(super) fn result(text: Arguments<'_>) {
    if let Err(error) = written(&mut io::stdout().lock(), text) {
        notice(format_args!("veritome: standard output: {error}"));
        std::process::exit(1);
    }
}

/// Writes a notice as a line; where nobody can read it there is nobody to tell.
pub(super) fn notice(text: Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

fn written(out: &mut impl Write, text: Arguments<'_>) -> io::Result<()> {
    match out.write_fmt(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fails(ErrorKind);

    impl Write for Fails {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_went_away_is_no_error_and_a_full_disk_is_one() {
        assert!(written(&mut Fails(ErrorKind::BrokenPipe), format_args!("x")).is_ok());
        assert!(written(&mut Fails(ErrorKind::StorageFull), format_args!("x")).is_err());
    }
}
