//! Which template speaks, what it says, what it may cost, and what is told of one that breaks.
#![allow(clippy::unwrap_used)]

use natter_proto::push::v1::Sample;
use proptest::prelude::*;

use super::*;

#[test]
fn without_templates_a_message_is_its_senders_name_and_text_or_what_he_attached() {
    let said = |change: fn(&mut Sample)| {
        let saying = Templates::new(&Settings::default()).say(&occasion(change));
        (saying.title.unwrap_or_default(), saying.body)
    };
    let says = |title: &str, body: &str| (title.to_owned(), body.to_owned());
    assert_eq!(said(|_| ()), says("", "Romeo: hi"));
    assert_eq!(said(|of| of.sender_name.clear()), says("", "hi"));
    let photos = |of: &mut Sample| (of.text, of.attachments) = (String::new(), vec!["photo".into()]);
    assert_eq!(said(photos), says("", "Romeo: Photo"));
    let both = |of: &mut Sample| (of.text, of.attachments) = (String::new(), vec!["photo".into(), "video".into()]);
    assert_eq!(said(both), says("", "Romeo: 2 attachments"));
    assert_eq!(said(|of| of.attachments = vec!["photo".into()]), says("", "Romeo: hi"));
    assert_eq!(said(|of| of.text.clear()), says("", "Romeo: New message"), "of which nothing may be told");
    let group = |of: &mut Sample| (of.dialog, of.dialog_name) = (DialogType::Group.into(), "Verona".into());
    assert_eq!(said(group), says("Verona", "Romeo: hi"));
    assert_eq!(said(|of| of.dialog = DialogType::Public.into()), says("", "Romeo: hi"), "it has no name");
    assert_eq!(said(|of| of.text = "<b>&{{ 1 }}</b>".into()), says("", "Romeo: <b>&{{ 1 }}</b>"));
}

#[test]
fn the_most_special_template_speaks() {
    let variant = |dialog: DialogType, content: Content, body: &str| Variant {
        dialog: dialog.into(),
        content: content.into(),
        template: Some(of_body(body)),
    };
    let settings = Settings {
        template: Some(of_body("own")),
        variants: vec![
            variant(DialogType::Group, Content::Unspecified, "group"),
            variant(DialogType::Group, Content::Attachment, "group attachment"),
            variant(DialogType::Unspecified, Content::Attachment, "attachment"),
        ],
        ..Settings::default()
    };
    let templates = Templates::new(&settings);
    for (kind, content, body) in [
        (DialogType::Private, Content::Text, "own"),
        (DialogType::Private, Content::Attachment, "attachment"),
        (DialogType::Group, Content::Text, "group"),
        (DialogType::Group, Content::Attachment, "group attachment"),
        (DialogType::Public, Content::Attachment, "attachment"),
        (DialogType::Public, Content::Text, "own"),
    ] {
        let about = Occasion { kind, content, ..occasion(|_| ()) };
        assert_eq!(templates.say(&about).body, body, "{kind:?} {content:?}");
    }
    let own = Templates::new(&Settings {
        variants: vec![variant(DialogType::Unspecified, Content::ContactRequest, "request")],
        ..settings.clone()
    });
    for (content, body, of_own) in [
        (Content::Call, "Romeo is calling", "Romeo is calling"),
        (Content::ContactRequest, "Romeo wants to be your contact", "request"),
    ] {
        let about = Occasion { content, ..occasion(|_| ()) };
        let bodies = [templates.say(&about).body, own.say(&about).body];
        assert_eq!(bodies, [body, of_own], "words for messages do not fit {content:?}");
    }
    let without = Templates::new(&Settings { template: None, ..settings });
    assert_eq!(without.say(&occasion(|_| ())).body, "Romeo: hi");
}

#[test]
fn a_template_sees_what_there_is_to_see() {
    for (source, says) in [
        ("{{ sender.id }} {{ sender.name|upper }}", "34 ROMEO"),
        ("{{ dialog.type }} {{ dialog.id }}", "private 000000000000000000000000"),
        ("{{ text|truncate(1) }} {{ unread }}", "h… 7"),
        ("{{ extension.mood }} {{ extension['a b'].c }}", "5 x"),
        ("{{ extension.none|default('no') }}", "no"),
        ("{% if extension.none is defined %}a{% else %}b{% endif %}", "b"),
        ("{% set n = unread + 1 %}{{ n }}", "8"),
        ("{{ attachment.count }}{{ attachment.kind }}", "0"),
        ("  padded \n", "padded"),
    ] {
        let saying = templates(source).say(&occasion(|_| ()));
        assert_eq!((saying.body.as_str(), saying.remark), (says, None), "{source}");
    }
}

#[test]
fn a_template_that_breaks_is_stood_in_for_and_nothing_of_the_message_is_told_of_it() {
    for (source, remark) in [
        ("\n{{ extension.none }}", "line 2: undefined value"),
        ("{% if extension.mood %}{{ text + 1 }}{% endif %}", "line 1: invalid operation"),
        ("{% if text == 'other' %}x{% endif %}", "says nothing"),
        ("{{ text", "line 1: syntax error"),
    ] {
        let saying = templates(source).say(&occasion(|of| of.text = "s3cret".into()));
        assert_eq!((saying.body.as_str(), saying.remark.as_deref()), ("Romeo: s3cret", Some(remark)), "{source}");
    }
}

#[test]
fn words_go_along_and_priority_is_high_unless_it_is_said() {
    let template = Template { sound: "ding".into(), category: "CHAT".into(), ..of_body("x") };
    let say = |template: Template| Templates::new(&of_template(template)).say(&occasion(|_| ()));
    let saying = say(template.clone());
    assert_eq!((saying.sound.as_str(), saying.category.as_deref(), saying.high), ("ding", Some("CHAT"), true));
    assert!(!say(Template { priority: Priority::Normal.into(), ..template }).high);
    assert_eq!(say(of_body("x")).sound, "default");
}

#[test]
fn a_template_is_tried_on_what_it_can_meet_and_the_error_says_where_and_what() {
    for (source, words) in [
        ("a\n{{ sendr.name }}", &["body", "line 2", "undefined", "sendr"][..]),
        ("{{ sender.nam }}", &["body", "line 1", "undefined", "nam"]),
        ("{{ extension.mood }}", &["body", "line 1", "undefined", "mood", "without names and keys"]),
        ("{{ text }}", &["body", "says nothing", "a photo without a text"]),
        ("a {% if %}", &["body", "line 1", "syntax error"]),
        ("{{ text|nothing }}", &["body", "line 1", "filter", "nothing"]),
        ("{{ range(5) }}", &["body", "line 1", "range"]),
        ("{% include 'x' %}", &["body", "line 1", "include"]),
        ("{% if extension.mood is defined %}{{ extension.mood + 1 }}{% else %}x{% endif %}", &["body", "with all names"]),
        (&"x".repeat(4_097), &["body", "too long", "4096"]),
    ] {
        let wrong = check(&of_template(of_body(source))).unwrap_err().to_string();
        assert!(words.iter().all(|word| wrong.contains(word)), "{source}: {wrong}");
    }
    let title = check(&of_template(Template { title: "{{ x }}".into(), ..of_body("x") })).unwrap_err();
    assert_eq!(title.field, "template.title");
    for word in ["x".repeat(129), "a\nb".to_owned()] {
        let sound = Template { sound: word.clone(), ..of_body("x") };
        assert_eq!(check(&of_template(sound)).unwrap_err().field, "template.sound");
        let category = Template { category: word, ..of_body("x") };
        assert_eq!(check(&of_template(category)).unwrap_err().field, "template.category");
    }
}

#[test]
fn what_a_template_cannot_meet_does_not_break_it() {
    let on = |dialog: DialogType, content: Content, body: &str| {
        let variant = Variant { dialog: dialog.into(), content: content.into(), template: Some(of_body(body)) };
        check(&Settings { variants: vec![variant], ..Settings::default() })
    };
    assert_eq!(on(DialogType::Private, Content::Text, "{{ text }}"), Ok(()));
    assert_eq!(on(DialogType::Private, Content::Attachment, "{{ text }}").unwrap_err().field, "variants[0].template.body");
    let about_groups = "{% if dialog.type == 'group' %}x{% endif %}";
    assert_eq!(on(DialogType::Group, Content::Text, about_groups), Ok(()));
    assert!(on(DialogType::Unspecified, Content::Text, about_groups).is_err());
    let request = |body: &str| on(DialogType::Unspecified, Content::ContactRequest, body);
    assert_eq!(request("{{ sender.name }} asks"), Ok(()));
    assert!(request("{{ text }}").unwrap_err().text.contains("(tried on a contact request, with a name)"));
    assert!(on(DialogType::Unspecified, Content::Call, "{{ sender.name }}").unwrap_err().text.contains("a call, without a name"));
    let call = |body: &str| on(DialogType::Unspecified, Content::Call, body);
    assert_eq!(call("{{ sender.name|default('Somebody', true) }} calls by {{ call.kind|default('any', true) }}"), Ok(()));
    assert!(call("{% if call.kind == 'video' %}x{% endif %}").unwrap_err().text.contains("(tried on a call, with a name)"));
    let private = Settings { privacy: Privacy::Sender.into(), ..of_template(of_body("{{ text }}")) };
    assert!(check(&private).unwrap_err().text.contains("says nothing"), "the text may not leave");
    assert_eq!(check(&of_template(built_in())), Ok(()));
    for privacy in [Privacy::Sender, Privacy::Nothing] {
        assert_eq!(check(&Settings { privacy: privacy.into(), ..of_template(built_in()) }), Ok(()));
    }
}

/// Without its bounds each of these runs for hours, or takes all memory.
#[test]
fn a_hostile_template_is_cut_off() {
    let doubled = |source: &str, times: usize| source.repeat(times);
    let sources = [
        format!("{{% set x = text %}}{}{{{{ x }}}}", doubled("{% set x = x ~ x %}", 60)),
        format!("{{% set x = 'x' %}}{}{{{{ x }}}}", doubled("{% with x = x ~ x %}", 60) + &doubled("{% endwith %}", 60)),
        format!("{}x{}", doubled("{% for a in [1, 2, 3, 4] %}", 50), doubled("{% endfor %}", 50)),
        "{{ 'x' * 2000000000 }}".to_owned(),
        "{{ ('x' * 100000) * 100000 }}".to_owned(),
        "{{ [1] * 2000000000 }}".to_owned(),
        "{% for i in [1] * 100000000 %}{% endfor %}".to_owned(),
        format!("{{{{ text{} }}}}", doubled("|replace('', 'xxxxxxxxxxxxxxxx')", 40)),
        format!("{{{{ {}1{} }}}}", doubled("(", 1_900), doubled(")", 1_900)),
        format!("{{{{ 9{} }}}}", doubled(" ** 9", 500)),
        format!("{}x{}", doubled("{% if 1 %}", 200), doubled("{% endif %}", 200)),
        "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}".to_owned(),
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}".to_owned(),
        "{% include 'template' %}".to_owned(),
        "{% extends 'template' %}".to_owned(),
        "{{ self.template() }}".to_owned(),
        "{{ text.__class__ }}".to_owned(),
    ];
    let uncut = sources.iter().filter(|source| {
        let templates = templates(source);
        let saying = templates.say(&occasion(|of| of.text = "x".repeat(8_192)));
        let is_refused = templates.check(&of_template(of_body(source))).is_err();
        saying.remark.is_none() || !saying.body.starts_with("Romeo: x") || !is_refused
    });
    assert_eq!(uncut.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn what_is_said_has_an_end_at_a_whole_character() {
    let text = "ü".repeat(4_096);
    let saying = templates(&"{{ text }}x".repeat(40)).say(&occasion(|of| of.text = text.clone()));
    assert_eq!((saying.body, saying.remark), (text, None));
    let template = Template { title: "x{{ text }}".into(), ..of_body("x") };
    let saying = Templates::new(&of_template(template)).say(&occasion(|of| of.text = "ü".repeat(999)));
    assert_eq!(saying.title.unwrap().len(), 511);
}

proptest! {
    /// Pieces of templates in any order, most of them nonsense.
    #[test]
    fn nothing_that_a_tenant_writes_breaks_an_alert(pieces in prop::collection::vec(piece(), 0..40), text in ".*") {
        let source = pieces.concat();
        let template = Template { title: source.clone(), ..of_body(&source) };
        let templates = Templates::new(&of_template(template.clone()));
        let saying = templates.say(&occasion(|of| of.text = text.clone()));
        prop_assert!(!saying.body.is_empty() && saying.body.len() <= BODY_BYTES_MAX);
        prop_assert!(saying.title.is_none_or(|title| title.len() <= TITLE_BYTES_MAX));
        let _ = templates.check(&of_template(template));
    }
}

fn piece() -> impl Strategy<Value = String> {
    let known = [
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "#}",
        " ",
        "if ",
        "else",
        "elif ",
        "endif",
        "for x in ",
        "endfor",
        "set x = ",
        "with x = ",
        "endwith",
        "text",
        "sender",
        ".name",
        "extension",
        "['a']",
        "[1:]",
        "|upper",
        "|truncate(3)",
        "|default('x')",
        "|replace('a', text)",
        "~",
        "+",
        "*",
        "**",
        "//",
        "%",
        "9999999999999999999999",
        "1.5",
        "'x'",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "is defined",
        "not ",
        "-",
        "in ",
        "\n",
        "raw",
        "endraw",
        "autoescape true",
        "endautoescape",
        "filter upper",
        "endfilter",
        "{{ text }}",
        "{% if text %}",
        "{% endif %}",
    ];
    prop_oneof![4 => prop::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => ".{0,4}"]
}

fn check(settings: &Settings) -> Result<(), Wrong> {
    Templates::new(settings).check(settings)
}

fn templates(source: &str) -> Templates {
    Templates::new(&of_template(of_body(source)))
}

fn of_template(template: Template) -> Settings {
    Settings { template: Some(template), ..Settings::default() }
}

fn of_body(source: &str) -> Template {
    Template { body: source.to_owned(), ..Template::default() }
}

fn occasion(change: impl FnOnce(&mut Sample)) -> Occasion {
    let mut sample = Sample {
        sender: 34,
        sender_name: "Romeo".into(),
        text: "hi".into(),
        unread: 7,
        extension: r#"{"mood": "5", "a b": {"c": "x"}}"#.into(),
        ..Sample::default()
    };
    change(&mut sample);
    Occasion::of_sample(&sample).unwrap()
}
