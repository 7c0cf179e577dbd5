//! The language the services speak: messages, gRPC services, ids, failure codes, bus subjects. No logic but how a message is
//! spelled, handed over as it is (`codec.rs`), or shared (`edge_frame.rs`).
//!
//! Generated modules come from `natter/<service>/v1/*.proto`; what may change in them says `proto/README.md`.

pub mod code;
pub mod codec;
mod edge_frame;
pub mod ids;
pub mod subject;

pub use code::{Code, Failure};
pub use edge_frame::EdgeFrame;
pub use ids::{AppId, BlobUid, DialogId, MessageId, UserId};

/// All protos as a `FileDescriptorSet`, without comments: what gRPC reflection shows.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/natter.bin"));

/// Paths of all unary methods (`/natter.dialog.v1.Dialogs/Post`), sorted.
pub const UNARY: &[&str] = &include!(concat!(env!("OUT_DIR"), "/unary.rs"));

/// How long before it is told a row or a change may have been made, milliseconds: what it takes to store it while the store is slow or
/// its dialog changes hands. Of what is older a session that begins is told as of what was before it.
pub const STORING_MS: i64 = 15_000;

/// Apps, users, tokens; operators.
pub mod account {
    #[allow(missing_docs, clippy::all, clippy::unwrap_used)]
    pub mod v1 {
        tonic::include_proto!("natter.account.v1");
    }
}

/// What became of what an import brought.
pub mod archive {
    #[allow(missing_docs, clippy::all, clippy::unwrap_used)]
    pub mod v1 {
        tonic::include_proto!("natter.archive.v1");
    }
}

/// Who is alive in a cluster.
pub mod cluster {
    #[allow(missing_docs, clippy::all, clippy::unwrap_used)]
    pub mod v1 {
        tonic::include_proto!("natter.cluster.v1");
    }
}

/// Dialogs: members, order, duplicates.
pub mod dialog {
    #[allow(missing_docs, clippy::all, clippy::unwrap_used)]
    pub mod v1 {
        tonic::include_proto!("natter.dialog.v1");
    }
}

/// What is asked when a user or an app is to leave nothing behind.
pub mod erasure {
    #[allow(missing_docs, clippy::all, clippy::unwrap_used)]
    pub mod v1 {
        tonic::include_proto!("natter.erasure.v1");
    }
}

/// Messages and the frames that carry them.
pub mod event {
    #[allow(missing_docs, clippy::all, clippy::unwrap_used)]
    pub mod v1 {
        tonic::include_proto!("natter.event.v1");
    }
}

/// The message log.
pub mod history {
    #[allow(missing_docs, clippy::all, clippy::unwrap_used)]
    pub mod v1 {
        tonic::include_proto!("natter.history.v1");
    }
}

/// Sessions and what is owed to them.
pub mod presence {
    #[allow(missing_docs, clippy::all, clippy::unwrap_used)]
    pub mod v1 {
        tonic::include_proto!("natter.presence.v1");
    }
}

/// What a process says of itself and is told while it runs.
pub mod process {
    #[allow(missing_docs, clippy::all, clippy::unwrap_used)]
    pub mod v1 {
        tonic::include_proto!("natter.process.v1");
    }
}

/// Alerts.
pub mod push {
    #[allow(missing_docs, clippy::all, clippy::unwrap_used)]
    pub mod v1 {
        tonic::include_proto!("natter.push.v1");
    }
}

/// Calls that go together.
pub mod rpc {
    #[allow(missing_docs, clippy::all, clippy::unwrap_used)]
    pub mod v1 {
        tonic::include_proto!("natter.rpc.v1");
    }
}

/// Attachments.
pub mod storage {
    #[allow(missing_docs, clippy::all, clippy::unwrap_used)]
    pub mod v1 {
        tonic::include_proto!("natter.storage.v1");
    }
}

/// What happened to messages on their way.
pub mod trace {
    #[allow(missing_docs, clippy::all, clippy::unwrap_used)]
    pub mod v1 {
        tonic::include_proto!("natter.trace.v1");
    }
}
