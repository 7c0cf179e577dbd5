//! Generates the gRPC code from `natter/**/*.proto`, without a system `protoc`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = [
        "natter/archive/v1/archive.proto",
        "natter/account/v1/account.proto",
        "natter/account/v1/administration.proto",
        "natter/account/v1/archive.proto",
        "natter/account/v1/identity.proto",
        "natter/account/v1/operators.proto",
        "natter/account/v1/overrides.proto",
        "natter/account/v1/reports.proto",
        "natter/cluster/v1/cluster.proto",
        "natter/account/v1/tokens.proto",
        "natter/dialog/v1/archive.proto",
        "natter/dialog/v1/dialog.proto",
        "natter/erasure/v1/erasure.proto",
        "natter/event/v1/event.proto",
        "natter/history/v1/archive.proto",
        "natter/history/v1/history.proto",
        "natter/presence/v1/archive.proto",
        "natter/presence/v1/presence.proto",
        "natter/presence/v1/sessions.proto",
        "natter/process/v1/process.proto",
        "natter/push/v1/credentials.proto",
        "natter/push/v1/alerting.proto",
        "natter/push/v1/events.proto",
        "natter/push/v1/push.proto",
        "natter/push/v1/webhooks.proto",
        "natter/rpc/v1/rpc.proto",
        "natter/storage/v1/archive.proto",
        "natter/storage/v1/storage.proto",
        "natter/trace/v1/trace.proto",
    ];
    println!("cargo:rerun-if-changed=natter");
    let descriptors = protox::compile(files, ["."])?;
    // What a process shows of its services is what they are called, not what is said about them here.
    let mut shown = descriptors.clone();
    shown.file.iter_mut().for_each(|file| file.source_code_info = None);
    let place = std::path::PathBuf::from(std::env::var("OUT_DIR")?).join("natter.bin");
    std::fs::write(place, prost::Message::encode_to_vec(&shown))?;
    let place = std::path::PathBuf::from(std::env::var("OUT_DIR")?).join("unary.rs");
    let methods = shown.file.iter().flat_map(|file| {
        let of = move |service: &str, method: &str| format!("/{}.{service}/{method}", file.package());
        let services = file.service.iter();
        services.flat_map(move |service| service.method.iter().map(move |method| (method, of(service.name(), method.name()))))
    });
    let mut unary: Vec<String> =
        methods.filter(|(method, _)| !method.client_streaming() && !method.server_streaming()).map(|(_, path)| path).collect();
    unary.sort();
    std::fs::write(place, format!("{unary:?}"))?;
    // Chunks of files are passed on without a copy.
    // What is kept is spelled in one way.
    let configured =
        tonic_prost_build::configure().bytes(".natter.storage.v1").bytes(".natter.rpc.v1").btree_map(".natter.account.v1");
    configured.codec_path("crate::codec::Codec").compile_fds(descriptors)?;
    Ok(())
}
