//! Values that must be refused, and words that the refusal must have: whoever mistypes shall not have to look into a template.

use std::path::Path;

use anyhow::{Result, bail};

use super::CHART;
use super::checks::refusal;
use super::tools::Tools;

/// Profile, what is laid over it, and what the refusal says.
const REFUSED: [(&str, &[&str], &[&str]); 36] = [
    ("all", &["mode=\"both\""], &["mode", "'all', 'cluster'"]),
    ("all", &["mod=\"all\""], &["additional properties 'mod' not allowed"]),
    ("all", &["image.tga=\"x\""], &["/image", "'tga' not allowed"]),
    ("all", &["hosts.chat=\"chat.muc.example\""], &["hosts.chat contains the letters muc"]),
    ("all", &["settings={\"edge\":{\"wss_prot\":1}}"], &["/settings/edge", "'wss_prot' not allowed"]),
    ("all", &["settings={\"edge\":{\"idle_s\":\"long\"}}"], &["/settings/edge/idle_s", "want integer"]),
    ("all", &["settings={\"data\":\"/x\"}"], &["settings.data is set by the chart"]),
    ("all", &["settings={\"mail\":{\"password\":\"x\"}}"], &["settings.mail.password", "mail.existingSecret"]),
    ("all", &["settings={\"console\":{\"port\":9}}"], &["settings.console.port is set by the chart"]),
    ("all", &["all.volume.size=\"big\""], &["/all/volume/size", "does not match pattern"]),
    ("all", &["image.digest=\"sha256:1\""], &["/image/digest", "does not match pattern"]),
    ("all", &["podSecurity.user=0"], &["/podSecurity/user", "minimum"]),
    ("all", &["ingress.enabled=true"], &["ingress.enabled needs hosts.chat and hosts.api"]),
    ("all", &["tls.certManager.enabled=true"], &["tls.certManager.issuer is empty", "hosts.chat is empty"]),
    ("cluster", &["cql.nodes=[]"], &["cql.nodes is empty: mode cluster needs it"]),
    ("cluster", &["cql.nodes=[\"cassandra\"]"], &["/cql/nodes/0", "does not match pattern"]),
    ("cluster", &["nats.nodes=[]", "redis.nodes=[]"], &["nats.nodes is empty", "redis.nodes is empty"]),
    ("cluster", &["secrets.existingSecret=\"\""], &["secrets.existingSecret is empty"]),
    ("cluster", &["s3.existingSecret=\"\""], &["s3.existingSecret is empty"]),
    ("cluster", &["cql.user=\"n\"", "cql.existingSecret=\"\""], &["cql.user is set and cql.existingSecret is not"]),
    ("cluster", &["redis.passwordKey=\"p\"", "redis.existingSecret=\"\""], &["redis.existingSecret is empty, and a key"]),
    (
        "cluster",
        &["settings={\"cluster\":{\"cql\":{\"password\":\"x\"}}}"],
        &["would be readable in a ConfigMap", "cql.existingSecret"],
    ),
    ("cluster", &["settings={\"cluster\":{\"advertise\":\"x:1\"}}"], &["settings.cluster.advertise is set by the chart"]),
    ("cluster", &["nats.log.replicas=2"], &["/nats/log/replicas", "1, 3, 5"]),
    ("cluster", &["roles.edge.drainSeconds=40"], &["/roles/edge/drainSeconds", "maximum: got 40, want 25"]),
    ("cluster", &["roles.egde={}"], &["/roles", "'egde' not allowed"]),
    ("cluster", &["roles.dialog.replicas=0"], &["roles.dialog.replicas is 0"]),
    ("cluster", &["roles.edge.surge=\"0%\""], &["roles.edge.surge is 0"]),
    ("cluster-large", &["roles.edge.autoscaling.min=50"], &["roles.edge.autoscaling.min is more than max"]),
    ("cluster", &["trustedProxies=[\"ingress\"]"], &["/trustedProxies/0", "does not match pattern"]),
    ("cluster", &["settings={\"trusted_proxies\":[]}"], &["settings.trusted_proxies is set by the chart", "use trustedProxies"]),
    ("cluster", &["services.edge.proxyProtocol=true"], &["trustedProxies is empty", "nobody else is believed"]),
    ("cluster", &["calls.tls.certManager.enabled=true"], &["calls.tls.certManager.issuer is empty"]),
    ("everything", &["calls.tls.existingSecret=\"x\""], &["exclude each other"]),
    ("all", &["calls.tls.existingSecret=\"x\""], &["in mode all there are no calls"]),
    ("everything", &["networkPolicy.consoleFrom=[]"], &["networkPolicy.consoleFrom is empty"]),
];

/// Every line of the list.
pub fn all(tools: &Tools) -> Result<()> {
    for (profile, set, words) in REFUSED {
        let said = refusal(tools, &Path::new(CHART).join(format!("profiles/{profile}.yaml")), set)?;
        if let Some(missing) = words.iter().find(|word| !said.contains(**word)) {
            bail!("{}: the refusal does not say {missing:?} but: {said}", set.join(" "));
        }
    }
    println!("xtask: {} kinds of wrong values are refused by name", REFUSED.len());
    Ok(())
}
