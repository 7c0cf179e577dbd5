//! As what a file is served: as what its owner said it is only if no browser makes a page or a program of it.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

/// What is shown where it stands. Nothing that can hold a script: no HTML, no XML (SVG is XML), no JavaScript, no fonts.
const INERT: &[&str] = &[
    "application/pdf",
    "audio/3gpp",
    "audio/aac",
    "audio/aiff",
    "audio/amr",
    "audio/flac",
    "audio/m4a",
    "audio/mp3",
    "audio/mp4",
    "audio/mpeg",
    "audio/ogg",
    "audio/opus",
    "audio/wav",
    "audio/wave",
    "audio/webm",
    "audio/x-caf",
    "audio/x-m4a",
    "audio/x-wav",
    "image/apng",
    "image/avif",
    "image/bmp",
    "image/gif",
    "image/heic",
    "image/heif",
    "image/jpeg",
    "image/jpg",
    "image/png",
    "image/tiff",
    "image/webp",
    "text/plain",
    "video/3gpp",
    "video/3gpp2",
    "video/mp4",
    "video/mpeg",
    "video/ogg",
    "video/quicktime",
    "video/webm",
    "video/x-m4v",
    "video/x-matroska",
    "video/x-msvideo",
];

/// How a file is served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Kind {
    pub content_type: &'static str,
    /// To be saved, not shown.
    pub attachment: bool,
}

impl Kind {
    /// Of what its owner called it. Parameters are dropped; only ours are believed.
    pub(super) fn of(given: &str) -> Kind {
        let essence = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match INERT.iter().copied().find(|inert| *inert == essence) {
            Some("text/plain") => Kind { content_type: "text/plain; charset=utf-8", attachment: false },
            Some("image/jpg") => Kind { content_type: "image/jpeg", attachment: false },
            Some(content_type) => Kind { content_type, attachment: false },
            None => Kind { content_type: "application/octet-stream", attachment: true },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_inert_keeps_its_type() {
        for (given, served) in [
            ("image/png", "image/png"),
            ("IMAGE/JPG", "image/jpeg"),
            ("video/mp4; codecs=\"avc1\"", "video/mp4"),
            ("text/plain; charset=utf-7", "text/plain; charset=utf-8"),
        ] {
            assert_eq!(Kind::of(given), Kind { content_type: served, attachment: false }, "{given}");
        }
        let active = [
            "text/html",
            "image/svg+xml",
            "application/xhtml+xml",
            "text/xml",
            "video/x+xml",
            "text/javascript",
            "text/css",
            "application/x-shockwave-flash",
            "multipart/x-mixed-replace",
            "image/png, text/html",
            "image",
            "",
        ];
        for given in active {
            assert_eq!(Kind::of(given), Kind { content_type: "application/octet-stream", attachment: true }, "{given}");
        }
    }
}
