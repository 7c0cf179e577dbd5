//! The pages about alerts: settings as a form, the preview of a draft, a test, the journal in words.

use natter_proto::push::v1::{Content, DialogType, Priority, Privacy, Settings, Template, Variant};
use natter_proto::{Code, Failure};

use crate::console::Console;
use crate::guard::{answered, own, staff};
use crate::pages::with_app;

const PAGE: &str = "/console/apps/77/alerts";

/// What a browser sends of a draft with one variant.
const DRAFT: &str = "enabled=on&calls=on&privacy=sender&dialog-group=on&template-title=T\
    &template-body=one%0D%0A%7B%7B+text+%7D%7D&template-sound=ding&template-category=C&template-priority=normal&variant0-dialog=group&variant0-content=attachment\
    &variant0-title=&variant0-body=a+%3Cb%3E&variant0-sound=&variant0-category=&variant0-priority=high&sample-dialog=public\
    &sample-sender_name=R&sample-dialog_name=V&sample-text=hi&sample-attachments=photo+video\
    &sample-unread=9&sample-extension=%7B%7D";

#[tokio::test]
async fn what_is_in_force_stands_in_the_form_with_a_preview_of_it() {
    let console = with_app("Shop").await;
    let (_, body) = console.page(PAGE).await;
    for part in [
        "built in</textarea>",
        r#"id="enabled" name="enabled" value="on" checked"#,
        r#"value="text" checked"#,
        "text shortened",
        r#"max="4096" high="3681" value="2">"#,
        "2 of 4096 bytes",
        "Nothing can be sent: too much.",
        "The built-in template stands in: line 1.",
        r#"name="calls" value="on" aria"#,
    ] {
        assert!(body.contains(part), "no {part} in {body}");
    }
    assert_eq!(body.matches("<details class=\"variant\"").count(), 0, "{body}");
    let asked = console.pushed.asked().previews.pop().unwrap();
    assert_eq!((asked.app, asked.settings, asked.sample.unwrap().unread), (77, None, 3), "what is in force");

    let template = Template { body: "\nfirst".into(), priority: Priority::Normal.into(), ..Template::default() };
    let variant = Variant { dialog: DialogType::Group.into(), content: Content::Text.into(), template: Some(template) };
    let settings =
        Settings { off: true, privacy: Privacy::Nothing.into(), variants: vec![variant], calls: true, ..Settings::default() };
    console.pushed.asked().settings = settings;
    let (_, body) = console.page(PAGE).await;
    for part in [
        "<summary>For texts in groups</summary>",
        ">\n\nfirst</textarea>",
        r#"value="nothing" checked"#,
        r#"<option value="normal" selected>"#,
        r#"name="enabled" value="on" aria"#,
        r#"name="calls" value="on" checked"#,
    ] {
        assert!(body.contains(part), "no {part} in {body}");
    }
    console.stop().await;
}

#[tokio::test]
async fn a_form_is_kept_as_settings() {
    let console = with_app("Shop").await;
    let (head, _) = console.form(PAGE, DRAFT).await;
    assert!(head.contains("location: /console/apps/77/alerts?done=alerts-saved"), "{head}");
    let kept = console.pushed.asked().settings.clone();
    assert_eq!((kept.off, kept.privacy(), kept.dialogs.clone()), (false, Privacy::Sender, vec![DialogType::Group.into()]));
    assert!(kept.calls);
    let own = kept.template.clone().unwrap();
    assert_eq!((own.title.as_str(), own.body.as_str(), own.sound.as_str()), ("T", "one\n{{ text }}", "ding"));
    assert_eq!((own.category.as_str(), own.priority()), ("C", Priority::Normal));
    let variant = kept.variants[0].clone();
    assert_eq!((variant.dialog(), variant.content()), (DialogType::Group, Content::Attachment));
    assert_eq!(variant.template.unwrap().body, "a <b>");
    let (head, _) = console.form(PAGE, DRAFT).await;
    assert!(head.contains("?done=nothing"), "{head}");
    let (head, _) =
        console.form(PAGE, "privacy=text&dialog-group=on&dialog-private=on&dialog-public=on&template-body=built+in").await;
    assert!(head.contains("?done=alerts-saved"), "{head}");
    let kept = console.pushed.asked().settings.clone();
    assert_eq!(
        (kept.off, kept.calls, kept.dialogs.len(), kept.template, kept.variants.len()),
        (true, false, 0, None, 0),
        "the built-in one again"
    );
    console.stop().await;
}

#[tokio::test]
async fn what_is_refused_is_said_at_its_field_and_its_line_and_the_draft_stays() {
    let console = with_app("Shop").await;
    let refused = |field: &str, text: &str| Some(Failure::of_field(Code::Invalid, field, text));
    console.pushed.asked().refuses = refused("template.body", "line 2: undefined value: text");
    let (head, body) = console.form(PAGE, DRAFT).await;
    assert!(head.starts_with("HTTP/1.1 422 "), "{head}");
    for part in [
        "<title>Refused: Alerts of Shop · Natter</title>",
        r##"<a href="#template-body">Body, line 2: undefined value: text.</a>"##,
        r#"aria-invalid="true" aria-describedby="template-body-error">"#,
        r#"<span class="line">2</span> <code>{{ text }}</code>"#,
        "a &#60;b&#62;</textarea>",
    ] {
        assert!(body.contains(part), "no {part} in {body}");
    }
    console.pushed.asked().refuses = refused("variants[0].template.sound", "is invalid");
    let (_, body) = console.form(PAGE, DRAFT).await;
    assert!(body.contains(r##"<a href="#variant0-sound">Sound for attachments in groups is invalid.</a>"##), "{body}");
    assert!(body.contains(r#"<details class="variant" open>"#), "{body}");
    let (head, body) = console.form(PAGE, &DRAFT.replace("dialog-group=on&t", "t")).await;
    assert!(head.starts_with("HTTP/1.1 400 ") && body.contains("The dialogs need one type at least"), "{head}\n{body}");
    assert_eq!(console.pushed.asked().settings, Settings::default());
    console.stop().await;
}

#[tokio::test]
async fn a_draft_is_previewed_and_changed_without_being_kept() {
    let console = with_app("Shop").await;
    let preview = format!("{PAGE}/preview");
    let (head, body) = console.form(&preview, DRAFT).await;
    assert!(
        head.starts_with("HTTP/1.1 200 ") && body.contains("2 of 4096 bytes") && body.contains("nothing of it is saved"),
        "{body}"
    );
    let asked = console.pushed.asked().previews.pop().unwrap();
    assert_eq!(asked.settings.unwrap().template.unwrap().body, "one\n{{ text }}");
    let sample = asked.sample.unwrap();
    assert_eq!((sample.dialog(), sample.sender_name.as_str(), sample.unread), (DialogType::Public, "R", 9));
    assert_eq!((sample.attachments.len(), sample.extension.as_str()), (2, "{}"));

    let (_, body) = console.form(&preview, &format!("{DRAFT}&do=add+variant")).await;
    assert!(body.contains("<summary>For groups</summary>") && body.contains("variant1-body"), "{body}");
    let (_, body) = console.form(&preview, &format!("{DRAFT}&do=remove+variant0")).await;
    assert!(!body.contains("variant0-body") && body.contains("{{ text }}</textarea>"), "{body}");

    console.pushed.asked().refuses = Some(Failure::of_field(Code::Invalid, "template.title", "line 1: syntax error"));
    let (head, body) = console.form(&preview, DRAFT).await;
    assert!(
        head.starts_with("HTTP/1.1 200 ") && body.contains(r#"<p class="remark">Title, line 1: syntax error.</p>"#),
        "{head}\n{body}"
    );
    for (fields, words) in [
        ("sample-unread=many", "Unread messages must be a whole number."),
        ("sample-attachments=a+a+a+a+a+a+a+a+a+a+a", "Attachments are too many (maximum is 10)."),
    ] {
        let draft = format!("{}&{fields}", DRAFT.split("&sample-attachments").next().unwrap());
        let (_, body) = console.form(&preview, &draft).await;
        assert!(body.matches(words).count() > 1, "{words}: {body}");
    }
    console.pushed.asked().refuses = Some(Failure::new(Code::Busy, "not now"));
    assert!(console.form(&preview, DRAFT).await.0.starts_with("HTTP/1.1 503 "));
    assert_eq!(console.pushed.asked().settings, Settings::default(), "nothing is kept");
    console.stop().await;
}

#[tokio::test]
async fn a_form_as_large_as_the_door_takes_is_read() {
    let console = with_app("Shop").await;
    let large = format!("{DRAFT}&pad={}", "x".repeat(40_000));
    assert!(console.form(PAGE, &large).await.0.starts_with("HTTP/1.1 303 "));
    let over = format!("{DRAFT}&pad={}", "x".repeat(70_000));
    assert!(console.form(PAGE, &over).await.0.starts_with("HTTP/1.1 413 "));
    console.stop().await;
}

#[tokio::test]
async fn a_device_is_chosen_and_what_came_of_its_test_is_shown() {
    let console = with_app("Shop").await;
    let page = format!("{PAGE}/test");
    let (_, body) = console.page(&format!("{page}?user=78")).await;
    for part in ["gcm, production, android, device-1", "not known to the provider", r#"name="subscription" value="17""#] {
        assert!(body.contains(part), "no {part} in {body}");
    }
    assert!(!body.contains("t0ken"), "{body}");
    let (head, body) = console.page(&format!("{page}?user=x")).await;
    assert!(head.starts_with("HTTP/1.1 400 ") && body.contains("User id is not the id of a user."), "{head}\n{body}");
    let (head, body) = console.form(&page, "user=78").await;
    assert!(head.starts_with("HTTP/1.1 400 ") && body.contains("A device has to be chosen."), "{head}\n{body}");
    let (head, body) = console.form(&page, "user=78&subscription=17&sample-text=x&sample-unread=z").await;
    assert!(head.starts_with("HTTP/1.1 400 ") && body.contains(r##"<a href="#sample-unread">"##), "{head}\n{body}");
    assert_eq!(console.pushed.asked().tests.len(), 0);

    let (head, _) = console.form(&page, "user=78&subscription=17&sample-text=hello&sample-sender_name=R").await;
    let message = "07".repeat(12);
    let next = format!("{page}?user=78&message={message}&done=test-sent");
    assert!(head.contains(&format!("location: {next}")), "{head}");
    let test = console.pushed.asked().tests.pop().unwrap();
    assert_eq!((test.app, test.user, test.subscription, test.sample.unwrap().text.as_str()), (77, 78, 17, "hello"));
    let (_, body) = console.page(&next).await;
    for part in ["taken by the provider", "The user was offline.", "web, device 17, attempt 1", "What came of the test"] {
        assert!(body.contains(part), "no {part} in {body}");
    }
    assert!(!body.contains("data-again"), "it is over: {body}");
    let asked = console.pushed.asked().journals.pop().unwrap();
    assert_eq!((asked.dialog, asked.message), (vec![0; 12], vec![7; 12]));
    console.stop().await;
}

#[tokio::test]
async fn the_journal_is_read_in_words_by_user_or_by_message() {
    let console = with_app("Shop").await;
    let page = format!("{PAGE}/journal");
    let (_, body) = console.page(&page).await;
    assert!(!body.contains("<table"), "nothing was asked for: {body}");
    let (_, body) = console.page(&format!("{page}?user=78&dialog=&message=")).await;
    for part in [
        "taken by the provider",
        "The user was offline.",
        "3 users",
        "No device is subscribed.",
        "The built-in template stood in: line 1",
        "?user=78&amp;dialog=&amp;message=&amp;before=ab01",
    ] {
        assert!(body.contains(part), "no {part} in {body}");
    }
    let (dialog, message) = ("0a".repeat(12), "0b".repeat(12));
    let (_, body) = console.page(&format!("{page}?user=&dialog={dialog}&message={message}&before=ab01")).await;
    assert!(body.contains(">Newest</a>"), "{body}");
    let journals = console.pushed.asked().journals.clone();
    assert_eq!((journals[0].user, journals[0].limit), (78, 50));
    assert_eq!(
        (&journals[1].dialog, &journals[1].message, &journals[1].before),
        (&vec![0x0a; 12], &vec![0x0b; 12], &vec![0xab, 1])
    );
    for (query, words) in [
        ("user=x", "User id is not the id of a user."),
        ("user=7&dialog=1", "User id or a message is looked for, not both."),
        (&format!("dialog={dialog}"), "Message id is needed too."),
        (&format!("message={message}"), "Dialog id is needed too."),
        (&format!("dialog=x&message={message}"), "Dialog id is not the id of a dialog."),
    ] {
        let (head, body) = console.page(&format!("{page}?{query}")).await;
        assert!(head.starts_with("HTTP/1.1 400 ") && body.contains(words), "{query}: {head}\n{body}");
    }
    console.stop().await;
}

#[tokio::test]
async fn who_may_only_look_may_try_and_is_offered_nothing_else() {
    let console = Console::start().await;
    let callers = staff(&console).await;
    for (caller, may_change) in [(0, false), (1, false), (2, true)] {
        let who = callers[caller].who;
        let (_, alerts) = answered(&console, "GET", PAGE, &own(&callers[caller])).await;
        assert_eq!(
            (alerts.contains(">Save</button>"), alerts.contains(">Send a test</a>")),
            (may_change, may_change),
            "{who}: {alerts}"
        );
        assert!(alerts.contains(">Preview</button></div>"), "{who}: {alerts}");
        let (_, push) = answered(&console, "GET", "/console/apps/77/push", &own(&callers[caller])).await;
        let offers = ["Set an APNs key", "Replace <span", "/remove?"].map(|offer| push.contains(offer));
        assert_eq!(offers, [may_change; 3], "{who}: {push}");
        assert!(push.contains("BPub"), "{who}: {push}");
    }
    console.stop().await;
}
