//! `tillgate tenant`

use tillgate_application::ports::{PAGE_LIMIT_MAX, PageRequest};
use tillgate_application::{Caller, CreateTenant, TenantView, create_tenant};
use tillgate_domain::Mode;

use super::wired;
use crate::cli::{ModeArg, TenantCommand};
use crate::{Failure, load, output};

pub(crate) async fn tenant(command: TenantCommand) -> Result<(), Failure> {
    match command {
        TenantCommand::Create {
            name,
            mode,
            config,
            show,
        } => {
            let wired = wired(&load(&config)?).await?;
            let mode = match mode {
                ModeArg::Live => Mode::Live,
                ModeArg::Test => Mode::Test,
            };
            let tenant = create_tenant(&wired.app, &Caller::operator(), CreateTenant { name, mode }).await?;
            if show.json {
                output::print_json(&tenant)?;
            } else {
                output::print_fields(&tenant);
            }
            wired.database.close().await;
        }
        TenantCommand::List { config, show } => {
            let wired = wired(&load(&config)?).await?;
            let mut tenants: Vec<TenantView> = Vec::new();
            loop {
                let after = tenants.last().map(|tenant| tenant.id.clone());
                let request = PageRequest {
                    limit: PAGE_LIMIT_MAX,
                    after,
                };
                let store = &wired.app.ports().store;
                let page = store
                    .tenants(&request)
                    .await
                    .map_err(tillgate_application::ApplicationError::from)?;
                tenants.extend(page.items.iter().map(TenantView::from));
                if !page.has_more {
                    break;
                }
            }
            if show.json {
                output::print_json(&tenants)?;
            } else {
                let rows: Vec<Vec<String>> = tenants
                    .into_iter()
                    .map(|tenant| vec![tenant.id, tenant.name, tenant.mode, tenant.created_at])
                    .collect();
                let empty = "No tenants yet. Create one with `tillgate tenant create NAME`.";
                output::print_table(&["ID", "NAME", "MODE", "CREATED"], &rows, empty);
            }
            wired.database.close().await;
        }
    }
    Ok(())
}
