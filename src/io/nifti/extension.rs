//! Header extensions: pairs of a code and some bytes between the header and the voxels.

/// Plain text (`NIFTI_ECODE_COMMENT`); ours holds the record of synthetic content as JSON.
pub const COMMENT: i32 = 6;

/// One extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// Which kind.
    pub code: i32,
    /// Its content, with the zeros that fill it up.
    pub content: Vec<u8>,
}

/// Reads the extensions out of what follows the header (`bytes` starts with the four `extension` bytes). What is broken
/// ends the list: extensions are never needed to show an image.
#[must_use]
pub fn parse(bytes: &[u8], big_endian: bool) -> Vec<Extension> {
    let mut list = Vec::new();
    if bytes.first().is_none_or(|b| *b == 0) {
        return list;
    }
    let mut rest = bytes.get(4..).unwrap_or_default();
    while let Some(([size, code], _)) = rest.as_chunks::<4>().0.split_first_chunk::<2>() {
        let read = |b: &[u8; 4]| if big_endian { i32::from_be_bytes(*b) } else { i32::from_le_bytes(*b) };
        let Some(size) = usize::try_from(read(size)).ok().filter(|n| *n >= 8) else { break };
        let Some(content) = rest.get(8..size) else { break };
        list.push(Extension { code: read(code), content: content.to_vec() });
        rest = &rest[size..];
    }
    list
}

/// The bytes of extensions, little-endian, with the leading four; each filled up to a multiple of 16.
#[must_use]
pub fn to_bytes(extensions: &[Extension]) -> Vec<u8> {
    let mut out = vec![u8::from(!extensions.is_empty()), 0, 0, 0];
    for extension in extensions {
        let size = (extension.content.len() + 8).next_multiple_of(16);
        out.extend(i32::try_from(size).unwrap_or(i32::MAX).to_le_bytes());
        out.extend(extension.code.to_le_bytes());
        out.extend(&extension.content);
        out.resize(out.len() + size - 8 - extension.content.len(), 0);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_come_back_and_broken_ones_end_the_list() {
        let list =
            [Extension { code: COMMENT, content: b"{\"a\":1}".to_vec() }, Extension { code: 4, content: vec![7; 30] }];
        let bytes = to_bytes(&list);
        assert_eq!(bytes.len() % 16, 4);
        let back = parse(&bytes, false);
        assert_eq!(back.iter().map(|e| e.code).collect::<Vec<_>>(), [6, 4]);
        assert!(back[0].content.starts_with(b"{\"a\":1}\0"));
        assert_eq!(parse(&bytes[..40], false).len(), 1);
        assert!(parse(&[1, 0, 0, 0, 255, 255, 255, 127, 6, 0, 0, 0], false).is_empty());
        assert!(parse(&[], false).is_empty());
    }
}
