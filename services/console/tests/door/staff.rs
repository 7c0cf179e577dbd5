//! A fake of the account service's operators, their sign-ins and the audit log. Everybody has the password `word`.

use natter_proto::account::v1::audit_server::Audit;
use natter_proto::account::v1::operators_server::Operators;
use natter_proto::account::v1::*;
use natter_proto::{Code, Failure};
use natter_rpc::{Reply, Request, Response, Status, async_trait};

use crate::console::{Fake, unused};

pub const AT: i64 = 1_700_000_000_000;

/// Who there is, who has signed in, what was entered.
pub struct Staff {
    pub operators: Vec<Operator>,
    /// By token.
    pub sign_ins: Vec<(String, OperatorSignIn)>,
    pub entries: Vec<AuditEntry>,
    /// What an entry of the log is answered with, again and again.
    pub log_fails: Option<Failure>,
    pub audit_pages: Vec<ListAuditRequest>,
}

impl Default for Staff {
    fn default() -> Staff {
        Staff {
            operators: vec![operator("admin", OperatorRole::Owner, None)],
            sign_ins: vec![],
            entries: vec![],
            log_fails: None,
            audit_pages: vec![],
        }
    }
}

pub fn operator(name: &str, role: OperatorRole, apps: Option<&[u64]>) -> Operator {
    Operator {
        name: name.into(),
        role: role.into(),
        limited: apps.is_some(),
        apps: apps.unwrap_or_default().to_vec(),
        created_at: AT,
        password_at: AT,
    }
}

impl Staff {
    fn called(&self, name: &str) -> Result<Operator, Status> {
        let found = self.operators.iter().find(|operator| operator.name == name).cloned();
        found.ok_or_else(|| Failure::new(Code::NotFound, "there is no operator of that name").into())
    }

    fn check(&self, name: &str, password: &str) -> Result<Operator, Status> {
        let wrong = || Status::from(Failure::new(Code::Unauthenticated, "Invalid username or password"));
        self.called(name).ok().filter(|_| password == "word").ok_or_else(wrong)
    }
}

#[async_trait]
impl Operators for Fake {
    async fn make_first_operator(&self, _: Request<MakeFirstOperatorRequest>) -> Reply<OperatorSecret> {
        unused()
    }

    async fn create_operator(&self, request: Request<CreateOperatorRequest>) -> Reply<OperatorSecret> {
        let CreateOperatorRequest { name, role, limited, apps } = request.into_inner();
        let made = Operator { name: name.clone(), role, limited, apps, created_at: AT, password_at: AT };
        self.asked()?.staff.operators.push(made);
        Ok(Response::new(OperatorSecret { name, password: "abcde-fghij".into() }))
    }

    async fn list_operators(&self, _: Request<ListOperatorsRequest>) -> Reply<ListOperatorsReply> {
        Ok(Response::new(ListOperatorsReply { operators: self.asked()?.staff.operators.clone() }))
    }

    async fn change_operator(&self, request: Request<ChangeOperatorRequest>) -> Reply<Operator> {
        let ChangeOperatorRequest { name, role, limited, apps } = request.into_inner();
        let mut asked = self.asked()?;
        let changed = Operator { role, limited, apps, ..asked.staff.called(&name)? };
        asked.staff.operators.retain(|operator| operator.name != name);
        asked.staff.operators.push(changed.clone());
        Ok(Response::new(changed))
    }

    async fn remove_operator(&self, request: Request<OperatorName>) -> Reply<RemoveOperatorReply> {
        let name = request.into_inner().name;
        let mut asked = self.asked()?;
        asked.staff.called(&name)?;
        asked.staff.operators.retain(|operator| operator.name != name);
        Ok(Response::new(RemoveOperatorReply {}))
    }

    async fn renew_operator_password(&self, request: Request<RenewOperatorPasswordRequest>) -> Reply<OperatorSecret> {
        let name = self.asked()?.staff.called(&request.into_inner().name)?.name;
        Ok(Response::new(OperatorSecret { name, password: "abcde-fghij".into() }))
    }

    async fn check_operator(&self, request: Request<CheckOperatorRequest>) -> Reply<Operator> {
        let request = request.into_inner();
        let mut asked = self.asked()?;
        let checked = asked.staff.check(&request.name, &request.password);
        asked.checks.push(request);
        Ok(Response::new(checked?))
    }

    async fn sign_in(&self, request: Request<SignInRequest>) -> Reply<SignedIn> {
        let SignInRequest { name, password, address, agent } = request.into_inner();
        let mut asked = self.asked()?;
        let operator = asked.staff.check(&name, &password)?;
        let number = asked.staff.sign_ins.len() + 1;
        let token = format!("{number:064x}");
        let sign_in =
            OperatorSignIn { id: vec![number as u8; 16], operator: name, begun_at: AT, used_at: AT, ends_at: AT, address, agent };
        asked.staff.sign_ins.push((token.clone(), sign_in.clone()));
        Ok(Response::new(SignedIn { operator: Some(operator), sign_in: Some(sign_in), csrf: csrf(&token), token }))
    }

    async fn check_sign_in(&self, request: Request<CheckSignInRequest>) -> Reply<SignedIn> {
        let token = request.into_inner().token;
        let asked = self.asked()?;
        let over = || Status::from(Failure::new(Code::Unauthenticated, "this sign-in has ended"));
        let (_, sign_in) = asked.staff.sign_ins.iter().find(|(known, _)| *known == token).ok_or_else(over)?;
        let operator = asked.staff.called(&sign_in.operator)?;
        let csrf = csrf(&token);
        Ok(Response::new(SignedIn { operator: Some(operator), sign_in: Some(sign_in.clone()), csrf, token: String::new() }))
    }

    async fn list_sign_ins(&self, request: Request<ListSignInsRequest>) -> Reply<ListSignInsReply> {
        let name = request.into_inner().operator;
        let asked = self.asked()?;
        let of_name =
            asked.staff.sign_ins.iter().map(|(_, sign_in)| sign_in).filter(|one| name.is_empty() || one.operator == name);
        Ok(Response::new(ListSignInsReply { sign_ins: of_name.cloned().collect() }))
    }

    async fn end_sign_ins(&self, request: Request<EndSignInsRequest>) -> Reply<EndSignInsReply> {
        let EndSignInsRequest { operator, id } = request.into_inner();
        let mut asked = self.asked()?;
        let before = asked.staff.sign_ins.len();
        let is_meant =
            |one: &OperatorSignIn| (operator.is_empty() || one.operator == operator) && (id.is_empty() || one.id == id);
        asked.staff.sign_ins.retain(|(_, one)| !is_meant(one));
        let ended = (before - asked.staff.sign_ins.len()) as u32;
        match ended {
            0 if !id.is_empty() => Err(Failure::new(Code::NotFound, "there is no such sign-in").into()),
            ended => Ok(Response::new(EndSignInsReply { ended })),
        }
    }
}

fn csrf(token: &str) -> String {
    format!("csrf-{token}")
}

#[async_trait]
impl Audit for Fake {
    async fn begin(&self, request: Request<BeginAuditRequest>) -> Reply<BeginAuditReply> {
        let mut asked = self.beside();
        if let Some(failure) = &asked.staff.log_fails {
            return Err(failure.clone().into());
        }
        let number = asked.staff.entries.len();
        let id = vec![number as u8; 16];
        asked.staff.entries.push(AuditEntry { id: id.clone(), at: AT, ..request.into_inner().entry.unwrap() });
        Ok(Response::new(BeginAuditReply { id }))
    }

    async fn settle(&self, request: Request<SettleAuditRequest>) -> Reply<SettleAuditReply> {
        let SettleAuditRequest { id, status, app, target } = request.into_inner();
        let mut asked = self.beside();
        let entry = asked.staff.entries.iter_mut().find(|entry| entry.id == id).unwrap();
        entry.status = status;
        entry.app = if app == 0 { entry.app } else { app };
        entry.target = if target.is_empty() { entry.target.clone() } else { target };
        Ok(Response::new(SettleAuditReply {}))
    }

    async fn list(&self, request: Request<ListAuditRequest>) -> Reply<ListAuditReply> {
        let request = request.into_inner();
        let mut asked = self.beside();
        asked.staff.audit_pages.push(request.clone());
        let mut entries = asked.staff.entries.clone();
        entries.retain(|entry| !request.limited || request.apps.contains(&entry.app));
        entries.reverse();
        Ok(Response::new(ListAuditReply { entries, next: vec![9; 16] }))
    }
}
