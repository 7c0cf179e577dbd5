//! Lists of users: those that meet conditions, by the index (contract rest 3.3, 3.4).

use natter_proto::account::v1::{ListUsersReply, ListUsersRequest};

use crate::error::Error;
use crate::index::Query;
use crate::service::Accounts;

impl Accounts {
    /// A page of the users that meet the conditions, and how many there are. Rows are read after the index: one that was
    /// deleted between the two is left out of the page.
    pub async fn list_users(&self, request: ListUsersRequest) -> Result<ListUsersReply, Error> {
        let query = Query::read(&request)?;
        let page = self.indexes.list(request.app, &query, self.store.users.as_ref()).await?;
        let users = self.users_kept(request.app, &page.ids).await?;
        let users = users.iter().map(|kept| kept.row.user.clone()).collect();
        Ok(ListUsersReply { users, total: page.total })
    }
}
