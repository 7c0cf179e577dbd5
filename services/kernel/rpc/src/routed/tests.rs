//! Routed links against echoes: two processes are two listeners, and who owns what is said by hand.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::*;
use crate::contract::echo::{Echo, Word, ask};
use crate::{Routes, serve};

/// Says one place for everything, until told another.
struct Said(watch::Sender<Place>);

impl Places for Said {
    fn place(&self, _: &About) -> Place {
        self.0.borrow().clone()
    }

    fn moved(&self) -> BoxFuture<'static, ()> {
        let mut said = self.0.subscribe();
        Box::pin(async move {
            let _ = said.changed().await;
        })
    }
}

fn link(said: &Arc<Said>, here: Option<Echo>, repeats: fn(&str) -> bool) -> Link {
    let options = LinkOptions { deadline: Duration::from_secs(2) };
    let here = here.map(|echo| Link::local(echo, options));
    Link::routed(Routing { places: said.clone(), here, repeats, tls: None }, options)
}

fn said(place: Place) -> Arc<Said> {
    Arc::new(Said(watch::channel(place).0))
}

async fn process(echo: Echo) -> Place {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(serve(listener, Routes::new(echo), std::future::pending()));
    Place::There(address, 1)
}

fn naming(name: &'static str) -> Echo {
    Echo::new(move |word| async move { Ok(Word { text: format!("{name}: {}", word.text) }) })
}

fn refusing(asked: &Arc<AtomicUsize>) -> Echo {
    let asked = asked.clone();
    Echo::new(move |_| {
        asked.fetch_add(1, Ordering::Relaxed);
        async { Err(elsewhere()) }
    })
}

#[tokio::test]
async fn a_request_goes_where_it_should_be_served() {
    let said = said(process(naming("a")).await);
    let link = link(&said, Some(naming("here")), |_| false);
    assert_eq!(ask(&link, "romeo").await.unwrap(), "a: romeo");
    said.0.send_replace(process(naming("b")).await);
    assert_eq!(ask(&link, "romeo").await.unwrap(), "b: romeo");
    said.0.send_replace(Place::Here);
    assert_eq!(ask(&link, "romeo").await.unwrap(), "here: romeo");
}

#[tokio::test]
async fn who_should_not_serve_it_refuses_and_the_right_one_is_found() {
    let asked = Arc::default();
    let said = said(process(refusing(&asked)).await);
    let link = link(&said, None, |_| false);
    let right = process(naming("b")).await;
    let mover = async {
        sleep(Duration::from_millis(100)).await;
        said.0.send_replace(right);
    };
    let (answer, ()) = tokio::join!(ask(&link, "romeo"), mover);
    assert_eq!(answer.unwrap(), "b: romeo");
    assert!(asked.load(Ordering::Relaxed) >= 2, "it was asked again meanwhile");
}

#[tokio::test]
async fn a_refusal_of_the_service_itself_is_not_tried_again() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let busy = Echo::new(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        async { Err(Status::unavailable("the mailbox is full")) }
    });
    let link = link(&said(process(busy).await), None, |_| true);
    assert_eq!(ask(&link, "romeo").await.unwrap_err().message(), "the mailbox is full");
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn where_nobody_serves_it_the_request_is_unavailable_before_the_deadline() {
    let link = link(&said(Place::Nowhere), None, |_| true);
    let began = Instant::now();
    assert_eq!(ask(&link, "romeo").await.unwrap_err().code(), Code::Unavailable);
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn what_may_be_repeated_is_taken_from_a_process_that_stands_still() {
    let still = process(Echo::new(|_| std::future::pending())).await;
    let (repeated, not_repeated) = (said(still.clone()), said(still));
    let (with, without) = (link(&repeated, None, |_| true), link(&not_repeated, None, |_| false));
    let right = process(naming("b")).await;
    let mover = async {
        sleep(Duration::from_millis(100)).await;
        repeated.0.send_replace(right.clone());
        not_repeated.0.send_replace(right);
    };
    let (repeated, not_repeated, ()) = tokio::join!(ask(&with, "romeo"), ask(&without, "romeo"), mover);
    assert_eq!(repeated.unwrap(), "b: romeo");
    assert_eq!(not_repeated.unwrap_err().code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn a_process_that_died_is_asked_no_more_when_its_place_is_another_ones() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dead = Place::There(listener.local_addr().unwrap().to_string(), 1);
    drop(listener);
    let said = said(dead);
    let link = link(&said, Some(naming("here")), |_| false);
    let mover = async {
        sleep(Duration::from_millis(100)).await;
        said.0.send_replace(Place::Here);
    };
    let (answer, ()) = tokio::join!(ask(&link, "romeo"), mover);
    assert_eq!(answer.unwrap(), "here: romeo");
}

#[tokio::test]
async fn who_is_asked_again_is_told_only_when_the_first_attempt_may_have_been_carried_out() {
    let telling = || Echo::told(|_, repeated| async move { Ok(Word { text: repeated.to_string() }) });
    let right = process(telling()).await;
    let still = process(Echo::new(|_| std::future::pending())).await;
    let refuses = process(refusing(&Arc::default())).await;
    let lost = process(Echo::new(|_| async { Err(Status::unknown("the connection broke")) })).await;
    for (first, expected) in [(refuses, "false"), (Place::Nowhere, "false"), (still, "true"), (lost, "true")] {
        let said = said(first);
        let link = link(&said, Some(telling()), |_| true);
        for place in [right.clone(), Place::Here] {
            let before = said.0.borrow().clone();
            let mover = async {
                sleep(Duration::from_millis(100)).await;
                said.0.send_replace(place);
            };
            let (answer, ()) = tokio::join!(ask(&link, "romeo"), mover);
            assert_eq!(answer.unwrap(), expected);
            said.0.send_replace(before);
        }
    }
}
