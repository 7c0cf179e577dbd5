//! The reference model (`tests/src/model.rs`) against the services: random programs of what four users do, run on both. After
//! every step both give the same answer, and each user sees the same: his list, his unread counts, and of the dialog of the step
//! members, owner, admins, history, who has read and received what; of all dialogs after a crash and at the end. A program that
//! fails shrinks to a scenario in words.
//!
//! `NATTER_SEED` replays one program, `NATTER_STEPS` sets how many steps are run (`cargo xtask model`).

mod program;
mod server;
mod view;

use std::cell::Cell;
use std::rc::Rc;

use natter_actor::Chance;
use natter_tests::model::{Call, Model, Outcome, Program};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::{in_one_thread, number};
use server::Server;

/// Steps of the suite.
const STEPS: u64 = 3_000;
/// Programs that are tried to make a failing one smaller.
const SHRINKS: u32 = 3_000;

#[test]
fn the_services_do_what_the_model_does() {
    let wanted = number("NATTER_STEPS").unwrap_or(STEPS);
    let mut steps = 0;
    match number("NATTER_SEED") {
        Some(seed) => _ = run_seed(seed),
        None => {
            for seed in 1.. {
                if steps >= wanted {
                    break;
                }
                steps += run_seed(seed);
            }
        }
    }
}

/// Runs the program of a seed; gives how many steps it took.
fn run_seed(seed: u64) -> u64 {
    let config = Config { cases: 1, failure_persistence: None, max_shrink_iters: SHRINKS, ..Config::default() };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let steps = Rc::new(Cell::new(0));
    let count = steps.clone();
    let outcome = runner.run(&program::programs(), |program| {
        count.set(run(&program, seed).map_err(|failure| TestCaseError::fail(failure.why))?);
        Ok(())
    });
    if let Err(TestError::Fail(_, program)) = outcome {
        let Err(Failure { lines, why }) = run(&program, seed) else { panic!("a failed program did not fail again") };
        let lines: String = (1..).zip(lines).map(|(n, line)| format!("{n:>4}. {line}\n")).collect();
        let replay = format!("NATTER_SEED={seed} cargo test -p natter-tests --test it model");
        panic!("model and services differ:\n\n{lines}      {why}\n\nreplay: {replay}\n");
    }
    outcome.unwrap();
    steps.get()
}

/// What was called, and what was different after the last call.
struct Failure {
    lines: Vec<String>,
    why: String,
}

/// Gives the number of calls that were made.
fn run(program: &Program, seed: u64) -> Result<u64, Failure> {
    let program = program.clone();
    in_one_thread(async move {
        let (mut model, mut server) = (Model::default(), Server::new(Chance::seeded(seed)).await);
        let mut lines = Vec::new();
        for step in &program.steps {
            let Some(call) = step.resolve(&program.places, &mut model) else { continue };
            lines.push(call.to_string());
            let expected = model.carry_out(&call);
            let same = same(&mut server, &model, &call, &expected).await;
            if let Err(why) = same {
                return Err(Failure { lines, why });
            }
        }
        match view::compare(&server, &model, None).await {
            Ok(()) => Ok(lines.len() as u64),
            Err(why) => Err(Failure { lines, why }),
        }
    })
}

async fn same(server: &mut Server, model: &Model, call: &Call, expected: &Outcome) -> Result<(), String> {
    let answer = server.carry_out(call, expected).await?;
    if answer != *expected {
        return Err(format!("model answers {expected:?}, services {answer:?}"));
    }
    view::compare(server, model, call.place()).await
}
