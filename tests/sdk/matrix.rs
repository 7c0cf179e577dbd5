//! The matrix: every check runs with every build of the SDK, but where the SDK itself makes that impossible. Each cell leaves
//! its outcome under `target/reports/sdk/`; `cargo xtask test` makes a table of them.

use std::path::{Path, PathBuf};

use natter_tests::build::Build::{self, Browser1, Browser6, Node1, Node2, Node3, Node6};
use natter_tests::clustered::OwnProcess;
use serde_json::{Value, json};

/// A check that some builds cannot do, whatever the server does.
pub struct Impossible {
    pub builds: &'static [Build],
    pub check: &'static str,
    pub why: &'static str,
    /// Where the contract says so.
    pub cite: &'static str,
}

const fn impossible(builds: &'static [Build], check: &'static str, why: &'static str, cite: &'static str) -> Impossible {
    Impossible { builds, check, why, cite }
}

/// All of them.
pub const IMPOSSIBLE: &[Impossible] = &[
    impossible(&[Node1, Node2], "an_extension_in_an_extension_comes_through", NESTED, "contract xmpp 3.1"),
    impossible(&[Node1, Node2], "an_extension_two_levels_deep_comes_through", NESTED, "contract xmpp 3.1"),
    impossible(
        &[Browser1],
        "an_extension_two_levels_deep_comes_through",
        "browsers of 1.x read nested extensions one level deep",
        "contract xmpp 3.1",
    ),
    impossible(&[Node1], "the_other_device_of_the_sender_gets_a_carbon", NO_CARBON, "contract xmpp 3.8"),
    impossible(&[Node1], "a_carbon_has_the_id_of_its_message", NO_CARBON, "contract xmpp 3.8"),
    impossible(
        &[Browser1],
        "a_carbon_has_the_id_of_its_message",
        "browsers of 1.x take the id of the outer stanza, which has none",
        "contract xmpp 3.8",
    ),
    impossible(
        &[Node1, Browser1, Node2],
        "a_message_deleted_by_rest_is_gone_from_the_other_screen",
        NO_DELETE,
        "contract xmpp 10",
    ),
    impossible(&[Node1, Browser1, Node2], "what_an_admin_removes_is_gone_from_every_screen", NO_DELETE, "contract xmpp 10"),
    impossible(&[Node1, Browser1, Node2], "edits_and_removals_over_xmpp_reach_everybody", NO_EDIT, "contract xmpp 10"),
    impossible(&[Node1, Browser1, Node2], "a_reaction_arrives", NO_REACTION, "contract xmpp 10"),
    impossible(&[Node1, Browser1, Node2], "a_guest_signs_in_and_chats", NO_GUESTS, "contract rest 2.1"),
    impossible(&[Node1, Browser1], "admins_are_named_by_the_owner_and_rule", NO_ADMINS, "contract rest 9.2"),
    impossible(&[Node1, Browser1], "a_group_is_muted", NO_MUTE, "contract rest 9.2"),
    impossible(&[Node1, Browser1, Node2], "lists_of_the_second_version_name_somebody", NO_V2, "contract rest 9.1"),
    impossible(&[Node1, Browser1, Node2], "the_address_of_a_file_can_be_asked_for", NO_OBJECT, "contract rest 6.3"),
    impossible(&[Node1, Browser1, Node2, Node3], "users_with_a_chat_session_are_online", NO_ONLINE, "contract rest 9.1"),
    impossible(&[Node1, Browser1, Node2], "whoever_watches_is_told_who_comes_and_goes", NO_WATCH, "contract xmpp 8.2"),
    impossible(&[Node1, Browser1], "a_client_says_whether_it_is_in_front", NO_STATE, "contract xmpp 8.3"),
    impossible(&[Node6, Browser6], "two_become_contacts_and_see_each_other", NO_CONTACTS, "contract xmpp 6"),
    impossible(&[Node6, Browser6], "who_is_away_is_alerted_of_who_asks_to_be_his_contact", NO_CONTACTS, "contract xmpp 6"),
    impossible(&[Node6, Browser6], "a_contact_request_waits_and_is_refused", NO_CONTACTS, "contract xmpp 6"),
    impossible(&[Node1, Node2, Node3, Node6], "a_call_is_heard_accepted_and_hung_up", NO_WEBRTC, "contract xmpp 11"),
    impossible(&[Node1, Node2, Node3, Node6], "a_call_is_rejected", NO_WEBRTC, "contract xmpp 11"),
    impossible(&[Node1, Browser1, Node2, Node3], "who_is_away_is_alerted_of_a_call", NO_SIGNALS, "contract xmpp 10"),
    impossible(&[Node1], "the_gap_of_a_group_comes_after_a_cut", STUCK, "contract xmpp 1.3"),
    impossible(&[Node1], "the_gap_comes_after_an_end", NO_RETURN, "contract xmpp 1.3"),
    impossible(&[Node1], "a_chat_goes_on_after_the_process_was_killed", NO_RETURN, "contract xmpp 1.3"),
    impossible(&[Node1], "the_gap_comes_after_a_reset", STUCK, "contract xmpp 1.3"),
    impossible(&[Node1], "the_gap_of_one_device_holds_what_the_other_sent_and_received", NO_CARBON, "contract xmpp 3.8"),
    impossible(
        &[Node2],
        "the_gap_comes_after_a_silence",
        "2.x connects again only when its old socket has closed, which a silent network keeps open",
        "contract xmpp 1.8",
    ),
];

const NESTED: &str = "1.x on Node and 2.x to 3.14 write nested extensions beside extraParams and lose them on receipt";
const NO_CARBON: &str = "1.x on Node makes an empty message event of a carbon, so its TCP sessions get none";
const NO_RETURN: &str = "1.x on Node never reconnects after a TCP connection closed without an end of stream, and says nothing";
const STUCK: &str = "1.x on Node is often stuck when it reconnects: its own event handling races";
const NO_EDIT: &str = "editMessage and deleteMessage exist from 3.9 on";
const NO_REACTION: &str = "reactions exist from 3.22 on";
const NO_GUESTS: &str = "createSession takes guests from 3.27 on";
const NO_ADMINS: &str = "addAdmins and removeAdmins exist from 1.8.1 on";
const NO_MUTE: &str = "notification settings exist from 1.8.1 on";
const NO_V2: &str = "users.getV2 exists from 3.28 on";
const NO_ONLINE: &str = "listOnline and getOnlineCount exist from 4.3 on";
const NO_OBJECT: &str = "getFileObject exists from 3.22 on";
const NO_CONTACTS: &str = "the contact list exists from 1.x to 4.0";
const NO_WATCH: &str = "subscribing exists from 2.1 on, and what reads the notices from 3.22 on";
const NO_WEBRTC: &str = "the calling module needs WebRTC, which Node has not";
const NO_SIGNALS: &str = "before 6.0 signals are sent by the calling module alone, from a page";
const NO_STATE: &str = "markActive and markInactive exist from 1.8 on";
const NO_DELETE: &str = "onMessageDeleteListener exists from 3.9 on";

/// Runs one cell and leaves its outcome. A cell that does not come to its end has failed.
pub async fn run<F: Future<Output = anyhow::Result<()>>>(build: Build, check: &str, body: impl FnOnce(Build) -> F) {
    if let Some(cell) = IMPOSSIBLE.iter().find(|cell| cell.builds.contains(&build) && cell.check == check) {
        return leave(build, check, json!({"outcome": "impossible", "why": cell.why, "cite": cell.cite}));
    }
    leave(build, check, json!({"outcome": "failed"}));
    let outcome = match body(build).await {
        // In a cluster that all checks share (`cargo xtask cluster sdk`); with a process of its own it runs in the suite.
        Err(error) if error.is::<OwnProcess>() => "with a process of its own",
        done => {
            done.unwrap();
            "passed"
        }
    };
    leave(build, check, json!({ "outcome": outcome }));
}

fn leave(build: Build, check: &str, mut cell: Value) {
    cell["build"] = json!(build.name());
    cell["check"] = json!(check);
    let folder = reports();
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{} {check}.json", build.name())), cell.to_string()).unwrap();
}

fn reports() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("reports").join("sdk")
}

/// Makes one test per build of an async function that takes the build.
macro_rules! for_each_build {
    ($($check:ident),* $(,)?) => {
        pub const CHECKS: &[&str] = &[$(stringify!($check)),*];
        for_each_build!(@build node_1_7_3 Node1: $($check)*);
        for_each_build!(@build browser_1_7_3 Browser1: $($check)*);
        for_each_build!(@build node_2_1_7 Node2: $($check)*);
        for_each_build!(@build node_3_35_3 Node3: $($check)*);
        for_each_build!(@build node_6_1_2 Node6: $($check)*);
        for_each_build!(@build browser_6_1_2 Browser6: $($check)*);
    };
    (@build $module:ident $build:ident: $($check:ident)*) => {
        mod $module {
            $(
                #[tokio::test]
                async fn $check() {
                    crate::matrix::run(natter_tests::build::Build::$build, stringify!($check), super::$check).await;
                }
            )*
        }
    };
}
