//! `/admin/brakes`: what ends more than one session at once. Each says what it costs before it is pulled.

use super::authority::Operator;
use super::keys::COUNTED_FOR;
use super::{Answer, body, fields, told};
use crate::actors::{Cost, NotDone, Reach, Services};
use crate::config::bootstrap::Fields;
use crate::domain::brakes::BrakesCommand;
use crate::domain::client::ClientCommand;
use crate::domain::gate::GateCommand;
use crate::domain::ids::{AccountId, ClientId};
use crate::domain::permission::Permission;
use crate::domain::system::KeyName;
use crate::http::Doors;
use crate::http::error::{HttpError, Why};
use crate::http::openapi::PlainError;
use actix_web::{HttpRequest, HttpResponse, web};
use ipnet::IpNet;
use serde::Serialize;
use utoipa::ToSchema;

/// The brakes as they are.
#[derive(Serialize, ToSchema)]
pub struct BrakesBody {
    /// Since when nobody may log in (RFC 3339); `null`: people may.
    logins_refused_since: Option<String>,
    /// When everything was last revoked; `null`: never.
    all_revoked_at: Option<String>,
}

/// What pulling a brake means for people.
#[derive(Serialize, ToSchema)]
pub struct CostBody {
    /// Open sessions that end; `null` where counting took too long: the brake does not wait for it.
    sessions: Option<u64>,
    /// People who must log in again.
    accounts: Option<u64>,
    /// Password hashes that can be computed at the same time when they do.
    hash_threads: usize,
}

/// What came of it.
#[derive(Serialize, ToSchema)]
pub struct PulledBody {
    /// Whether it was pulled; `false`: it was only asked what it costs.
    done: bool,
    /// What it costs, counted just before.
    cost: CostBody,
}

/// What is sent to pull a brake.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body for /openapi.json; it is read strictly, by name")]
pub struct PullBody {
    /// `account`, `client`, `network`, `key`, `all` or `logins`.
    #[schema(example = "client")]
    brake: String,
    /// Of `account`: its id.
    #[schema(nullable = false)]
    account: Option<String>,
    /// Of `client`: its id.
    #[schema(nullable = false, example = "store")]
    client: Option<String>,
    /// Of `network`: an address or a network, such as `203.0.113.0/24`.
    #[schema(nullable = false)]
    network: Option<String>,
    /// Of `key`: the `kid` of a signing key, or the number of a refresh key.
    #[schema(nullable = false)]
    key: Option<String>,
    /// Of `logins`: `false` lets people log in again.
    #[schema(nullable = false)]
    refuse: Option<bool>,
    /// Only say what it would cost.
    #[schema(nullable = false)]
    dry_run: Option<bool>,
}

/// Show the brakes.
#[utoipa::path(get, path = "/admin/brakes", tag = "admin", operation_id = "show_brakes",
    responses(
        (status = 200, description = "The brakes.", body = BrakesBody),
        (status = 401, description = "No API key, or one that is not in force.", body = PlainError),
        (status = 403, description = "The API key lacks the permission `admin`.", body = PlainError),
    ),
    security(("api_key" = []))
)]
pub async fn show(request: HttpRequest, doors: web::Data<Doors>) -> Result<HttpResponse, HttpError> {
    let outcome = async {
        let services = doors.services()?;
        Operator::who_may(Permission::Admin, &request, &doors, services).await?;
        let state = services.brakes.state().map_err(Why::Refused)?;
        let body = BrakesBody {
            logins_refused_since: state.value.logins_refused_since.map(|at| at.to_string()),
            all_revoked_at: state.value.all_at.map(|at| at.to_string()),
        };
        Ok(Answer::of(&body).at(state.version))
    };
    told(&request, outcome.await)
}

/// Pull a brake.
///
/// `account`: every session of one person ends. `client`: every session and token of one client. `network`: every session that was
/// last used from a network; it is answered when all of them have ended. `key`: nothing is believed any more that a key of tokens made:
/// every session under a refresh key ends, every token under a signing key is refused. `all`: everything. `logins`: nobody logs in until it is
/// lifted by `"refuse": false`; sessions go on. When this is answered, no token that was meant is active any more. With
/// `"dry_run": true` nothing is pulled, and the answer says what it would cost.
#[utoipa::path(post, path = "/admin/brakes", tag = "admin", operation_id = "pull_brake",
    params(("Idempotency-Key" = Option<String>, Header, description = "The same answer again to the same request, for 24 hours.")),
    request_body(content = PullBody),
    responses(
        (status = 200, description = "What it costs, and whether it was pulled.", body = PulledBody),
        (status = 400, description = "Something is malformed.", body = PlainError),
        (status = 401, description = "No API key, or one that is not in force.", body = PlainError),
        (status = 403, description = "The API key lacks the permission `admin`, or covers other clients.", body = PlainError),
        (status = 404, description = "There is no such account or client.", body = PlainError),
        (status = 422, description = "The Idempotency-Key was used for another request.", body = PlainError),
        (status = 503, description = "Not known to be done: pull it again.", body = PlainError),
    ),
    security(("api_key" = []))
)]
pub async fn pull(
    request: HttpRequest,
    payload: web::Payload,
    doors: web::Data<Doors>,
) -> Result<HttpResponse, HttpError> {
    told(&request, pulled(&request, payload, &doors).await)
}

/// A brake, as it was asked for.
enum Brake {
    Account(AccountId),
    Client(ClientId),
    Network(IpNet),
    Key(KeyName),
    All,
    Logins { refuse: bool },
}

impl Brake {
    fn read(fields: &mut Fields<'_>) -> Result<Self, Why> {
        let kinds = ["account", "client", "network", "key", "all", "logins"].map(|word| (word, word));
        let kind = fields.choice("brake", &kinds)?;
        let missing = |fields: &Fields<'_>, what: &str| Why::from(fields.error(format!("`{what}` is missing")));
        match kind {
            Some("account") => match fields.parsed("account")? {
                Some(account) => Ok(Self::Account(account)),
                None => Err(missing(fields, "account")),
            },
            Some("client") => match fields.parsed("client")? {
                Some(client) => Ok(Self::Client(client)),
                None => Err(missing(fields, "client")),
            },
            Some("network") => {
                let text = fields.need("network")?;
                let network = text.parse::<IpNet>().or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from));
                let network = network.map(|network| network.trunc());
                network.map(Self::Network).map_err(|_| {
                    fields.error("`network` must be an address or a network, such as \"203.0.113.0/24\"").into()
                })
            }
            Some("key") => {
                let text = fields.need("key")?;
                let number = text.parse().map(KeyName::Refresh);
                Ok(Self::Key(number.unwrap_or(KeyName::Signing(text))))
            }
            Some("all") => Ok(Self::All),
            Some("logins") => Ok(Self::Logins { refuse: fields.flag("refuse")?.unwrap_or(true) }),
            _ => Err(missing(fields, "brake")),
        }
    }

    /// Whose sessions it ends, if it ends any.
    fn reach(&self) -> Option<Reach> {
        match self {
            Self::Account(account) => Some(Reach::Account(*account)),
            Self::Client(client) => Some(Reach::Client(client.clone())),
            Self::Network(network) => Some(Reach::Network(*network)),
            Self::Key(KeyName::Refresh(number)) => Some(Reach::RefreshKey(*number)),
            Self::All => Some(Reach::All),
            Self::Key(KeyName::Signing(_)) | Self::Logins { .. } => None,
        }
    }

    /// Whether whoever asks may pull it: one who covers some clients only may pull theirs.
    async fn is_allowed(&self, operator: &Operator, services: &Services) -> Result<(), Why> {
        match self {
            Self::Account(account) => {
                let gate = services.core.reader.gate(*account).map_err(|error| Why::Refused(error.into()))?;
                let gate = gate.ok_or(Why::NotDone(NotDone::Missing))?;
                let covers = operator.covers_person(gate.value.registrations.as_ref(), services)?;
                if covers { Ok(()) } else { Err(Why::NotDone(NotDone::Missing)) }
            }
            Self::Client(client) if operator.covers(client) => {
                let known = services.administration.find_client(client).map_err(Why::Refused)?;
                known.map(|_| ()).ok_or(Why::NotDone(NotDone::Missing))
            }
            Self::Client(_) => Err(operator.elsewhere(services).await),
            Self::Key(name) => {
                operator.is_everywhere(services).await?;
                let system = services.core.reader.system().map_err(|error| Why::Refused(error.into()))?;
                system.value.key_status(name).map(|_| ()).ok_or(Why::NotDone(NotDone::Missing))
            }
            Self::Network(_) | Self::All | Self::Logins { .. } => operator.is_everywhere(services).await,
        }
    }

    async fn pull(&self, operator: &Operator, services: &Services) -> Result<(), NotDone> {
        let asker = &operator.asker;
        match self {
            Self::Account(account) => {
                let revoke = GateCommand::RevokeSessions;
                services.administration.change_account(*account, revoke, None, asker).await?;
            }
            Self::Client(client) => {
                let revoke = ClientCommand::RevokeSessions;
                services.administration.change_client(client, revoke, None, asker).await?;
            }
            Self::Network(network) => {
                services.brakes.revoke_network(*network, asker).await?;
            }
            Self::Key(name) => services.keys.distrust(name, asker).await?,
            Self::All => {
                services.brakes.pull(BrakesCommand::RevokeAll, asker).await?;
            }
            Self::Logins { refuse } => {
                let command = if *refuse { BrakesCommand::RefuseLogins } else { BrakesCommand::AllowLogins };
                services.brakes.pull(command, asker).await?;
            }
        }
        Ok(())
    }
}

async fn pulled(request: &HttpRequest, payload: web::Payload, doors: &Doors) -> Result<Answer, Why> {
    let services = doors.services()?;
    let operator = Operator::who_may(Permission::Admin, request, doors, services).await?;
    let body = body(request, payload, doors).await?;
    let work = async {
        let mut fields = fields(request, &body)?;
        let brake = Brake::read(&mut fields)?;
        let dry_run = fields.flag("dry_run")?.unwrap_or(false);
        fields.finish()?;
        brake.is_allowed(&operator, services).await?;
        let cost = match brake.reach() {
            None => Some(Cost::default()),
            Some(reach) if dry_run => Some(services.brakes.cost(&reach).await.map_err(Why::Refused)?),
            Some(reach) => {
                tokio::time::timeout(COUNTED_FOR, services.brakes.cost(&reach)).await.ok().and_then(Result::ok)
            }
        };
        if !dry_run {
            brake.pull(&operator, services).await?;
        }
        let hash_threads = services.brakes.hash_threads();
        let (sessions, accounts) = (cost.map(|cost| cost.sessions), cost.map(|cost| cost.accounts));
        let cost = CostBody { sessions, accounts, hash_threads };
        Ok(Answer::of(&PulledBody { done: !dry_run, cost }))
    };
    doors.answered.once((request, &body), &operator, services.core.clock.read().wall, work).await
}
