//! Origins of the pages that may use an app: given by the API and by the form of its settings.

use crate::console::Console;
use crate::guard;
use crate::pages::with_app;

#[tokio::test]
async fn origins_are_given_as_a_list_and_what_is_none_is_refused() {
    let console = Console::start().await;
    for (body, given) in [
        (r#"{"origins": ["https://a.test", "http://localhost:3000"]}"#, Some(vec!["https://a.test", "http://localhost:3000"])),
        (r#"{"origins": []}"#, Some(Vec::new())),
        (r#"{"origins": null}"#, None),
        ("{}", None),
    ] {
        assert_eq!(console.put("/admin/v1/apps/77", body).await.0, 200, "{body}");
        let applied = console.asked().applied.pop().unwrap().origins.map(|origins| origins.origins);
        assert_eq!(applied, given.map(|given| given.into_iter().map(str::to_owned).collect()), "{body}");
    }
    for body in [r#"{"origins": "https://a.test"}"#, r#"{"origins": [7]}"#, r#"{"origins": {"a": 1}}"#] {
        let (status, answer) = console.put("/admin/v1/apps/77", body).await;
        assert_eq!((status, answer.contains(r#""field":"origins""#)), (400, true), "{body}: {answer}");
    }
    console.stop().await;
}

#[tokio::test]
async fn an_operator_of_the_app_says_which_pages_use_it() {
    let console = Console::start().await;
    let callers = guard::staff(&console).await;
    let body = r#"{"origins": ["https://a.test"]}"#;
    for (who, expected) in [(4, 200), (5, 404), (1, 403)] {
        let answer = guard::sent(&console, "PUT", "/admin/v1/apps/77", &callers[who], "application/json", body).await;
        assert_eq!(answer.0, expected, "{}: {}", callers[who].who, answer.1);
    }
    console.stop().await;
}

#[tokio::test]
async fn the_form_shows_them_in_a_line_and_takes_them_apart() {
    let console = with_app("Shop").await;
    console.asked().apps[0].origins = vec!["https://a.test".into(), "http://localhost:3000".into()];
    let (_, page) = console.page("/console/apps/77/settings").await;
    assert!(page.contains(r#"name="origins" value="https://a.test http://localhost:3000""#), "{page}");
    let entered = "title=Shop&origins=https%3A%2F%2Fa.test%2C++http%3A%2F%2Fb.test%0A";
    let (head, _) = console.form("/console/apps/77/settings", entered).await;
    assert!(head.contains("location: /console/apps/77/settings?done=saved"), "{head}");
    let applied = console.asked().applied.pop().unwrap();
    assert_eq!(applied.origins.unwrap().origins, ["https://a.test", "http://b.test"]);
    console.form("/console/apps/77/settings", "title=Shop&origins=").await;
    assert_eq!(console.asked().applied.pop().unwrap().origins.unwrap().origins, [""; 0], "any");
    console.stop().await;
}
