//! What the account service refuses or fails with, and which failure each becomes. The texts that the SDK's users see are
//! those of contract rest 1.6 and contract xmpp 1.5.

use natter_proto::{Code, Failure};
use natter_rpc::Status;

use crate::store;
use crate::{overrides, report, signature, user};

/// Why a call was not carried out.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// Never opened, over, closed, or of a deleted user. The SDK knows this text.
    #[error("Required session does not exist")]
    TokenUnknown,
    /// Unknown app id or wrong auth key.
    #[error("Unauthorized")]
    Unauthorized,
    #[error("Unexpected signature")]
    SignatureUnexpected,
    #[error("Bad timestamp")]
    TimestampBad,
    /// At the REST door, which tells an unknown user from a wrong password.
    #[error("Invalid password")]
    PasswordWrong,
    /// At the chat door, which does not.
    #[error("Invalid username or password")]
    CredentialsWrong,
    #[error("is invalid")]
    OldPasswordWrong,
    /// No session of the REST door, of whom operators look at, goes by this id.
    #[error("Session not found")]
    SessionUnknown,
    #[error("User not found")]
    UserUnknown,
    /// An operator keeps him out.
    #[error("This user is banned")]
    UserBanned,
    #[error("App not found")]
    AppUnknown,
    /// The operator closed the app for now; what is kept stays.
    #[error("This application is suspended")]
    AppSuspended,
    /// A page of an origin that the app does not list.
    #[error("Pages of this origin may not use this application")]
    OriginForeign,
    /// Only a suspended app is deleted.
    #[error("is open: suspend the app before it is deleted")]
    AppOpen,
    #[error("nothing was erased of that user or app in the last 30 days")]
    ErasureUnknown,
    #[error("Guest users are not offered")]
    GuestsRefused,
    #[error("too many new users from this address, wait a minute")]
    NewcomersTooMany,
    #[error("Provider is not configured")]
    ProviderAbsent,
    /// The provider knows nobody by what was shown.
    #[error("The identity provider refused the token")]
    ProviderRefused,
    /// The provider gave no answer that can be read, or too many wait for one.
    #[error("the identity provider does not answer")]
    ProviderFailed,
    #[error("Password reset by e-mail is not configured")]
    MailsOff,
    #[error("too many mails are being sent")]
    MailsBusy,
    #[error("too many mails about a forgotten password, wait an hour")]
    ResetsTooMany,
    /// Used, over, or nobody's.
    #[error("this link is over")]
    ResetUnknown,
    #[error("{0}")]
    Mail(natter_mail::Error),
    #[error("there is no operator of that name")]
    OperatorUnknown,
    #[error("is the last owner of the whole installation")]
    OwnerLast,
    #[error("too many operators, at most {0}")]
    OperatorsTooMany(usize),
    /// Ended, over, never begun, or of an operator that has another password.
    #[error("this sign-in has ended")]
    SignInOver,
    #[error("there is no such sign-in")]
    SignInUnknown,
    #[error("too many wrong passwords, wait a minute")]
    GuessesTooMany,
    /// More passwords wait to be hashed than the queue takes.
    #[error("too many passwords are being checked")]
    HashersBusy,
    /// The app has more users than are indexed.
    #[error("this app has too many users to list or filter them, at most {0}")]
    UsersTooMany(usize),
    #[error("too many ids, at most {0}")]
    IdsTooMany(usize),
    #[error("there is no such report")]
    ReportUnknown,
    #[error("too many reports, at most {0} of one user")]
    ReportsTooMany(usize),
    #[error("too many reports at once, at most {0}")]
    ReportsAtOnce(usize),
    #[error("{0}")]
    Field(#[from] user::Fault),
    #[error("{0}")]
    Report(#[from] report::Fault),
    #[error("{0}")]
    ReportNotClosed(#[from] report::NotClosed),
    #[error("{0}")]
    Overrides(#[from] overrides::Fault),
    #[error("{0}")]
    Store(#[from] store::Error),
}

impl From<signature::Fault> for Error {
    fn from(fault: signature::Fault) -> Error {
        match fault {
            signature::Fault::Unexpected => Error::SignatureUnexpected,
            signature::Fault::Timestamp => Error::TimestampBad,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let code = match &error {
            Error::TokenUnknown | Error::Unauthorized | Error::PasswordWrong | Error::CredentialsWrong => Code::Unauthenticated,
            Error::SignInOver => Code::Unauthenticated,
            Error::SignatureUnexpected | Error::TimestampBad | Error::ReportsTooMany(_) => Code::Invalid,
            Error::MailsOff | Error::GuestsRefused | Error::ProviderAbsent | Error::ProviderRefused => Code::Invalid,
            Error::UserUnknown | Error::AppUnknown | Error::ResetUnknown | Error::OperatorUnknown => Code::NotFound,
            Error::ErasureUnknown | Error::ReportUnknown | Error::SignInUnknown | Error::SessionUnknown => Code::NotFound,
            Error::AppSuspended | Error::UserBanned | Error::OriginForeign => Code::Forbidden,
            Error::AppOpen | Error::OwnerLast => Code::Conflict,
            Error::GuessesTooMany | Error::NewcomersTooMany | Error::ResetsTooMany => Code::TooMany,
            Error::HashersBusy | Error::ProviderFailed | Error::MailsBusy | Error::Mail(_) => Code::Busy,
            Error::IdsTooMany(_) | Error::UsersTooMany(_) | Error::OperatorsTooMany(_) | Error::ReportsAtOnce(_) => {
                Code::TooLarge
            }
            Error::OldPasswordWrong => return Failure::of_field(Code::Invalid, "old_password", error.to_string()),
            Error::Field(fault) => return Failure::of_field(Code::Invalid, fault.field, fault.text),
            Error::ReportNotClosed(report::NotClosed::Nothing) => {
                return Failure::of_field(Code::Invalid, "verdict", "is not said");
            }
            Error::ReportNotClosed(report::NotClosed::Otherwise) => Code::Conflict,
            Error::Report(fault) => return Failure::of_field(Code::Invalid, fault.field.clone(), fault.text),
            Error::Overrides(fault) => return Failure::of_field(Code::Invalid, fault.field, fault.text.clone()),
            Error::Store(store::Error::Taken(field)) => return Failure::of_field(Code::Exists, *field, "has already been taken"),
            Error::Store(store::Error::Changed) => Code::Conflict,
            Error::Store(store::Error::Db(db)) => return Failure::from(db.clone()),
        };
        Failure::new(code, error.to_string())
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Status {
        let is_ours = matches!(&error, Error::Store(store::Error::Db(_)));
        if is_ours {
            tracing::warn!(%error, "the store failed an account call");
        }
        Failure::from(error).into()
    }
}
