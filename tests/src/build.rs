//! The SDK packages that are run, each in a place: the rows of the SDK matrix.

/// A version of the SDK and where it runs. `tests/sdk/package.json` installs exactly these versions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Build {
    /// 1.7.3 on Node, over TCP with STARTTLS. It can only reach port 5222 of its chat host.
    Node1,
    /// 1.7.3 as browser bundle, over WebSocket with TLS.
    Browser1,
    /// 2.1.7 on Node, over WebSocket with TLS.
    Node2,
    /// 3.35.3 on Node, over WebSocket with TLS.
    Node3,
    /// 6.1.2 on Node, over WebSocket with TLS.
    Node6,
    /// 6.1.2 as browser bundle, over plain HTTP and WebSocket on localhost.
    Browser6,
}

impl Build {
    /// The major version: the package is installed as `connectycube-<major>`.
    pub fn major(self) -> u32 {
        match self {
            Build::Node1 | Build::Browser1 => 1,
            Build::Node2 => 2,
            Build::Node3 => 3,
            Build::Node6 | Build::Browser6 => 6,
        }
    }

    /// `node`, or `browser`: headless Chromium.
    pub fn place(self) -> &'static str {
        match self {
            Build::Browser1 | Build::Browser6 => "browser",
            Build::Node1 | Build::Node2 | Build::Node3 | Build::Node6 => "node",
        }
    }

    /// How the report calls it.
    pub fn name(self) -> &'static str {
        match self {
            Build::Node1 => "1.7.3 node",
            Build::Browser1 => "1.7.3 browser",
            Build::Node2 => "2.1.7 node",
            Build::Node3 => "3.35.3 node",
            Build::Node6 => "6.1.2 node",
            Build::Browser6 => "6.1.2 browser",
        }
    }

    /// Whether it talks without TLS, by `api_url` and a `ws:` address.
    pub fn is_plain(self) -> bool {
        self == Build::Browser6
    }
}
