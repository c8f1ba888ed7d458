//! Asks a server whether it accepts connections, as `pg_isready` does, which not every package has.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

const PROTOCOL_3_0: i32 = 196_608;
const CANNOT_CONNECT_NOW: &str = "57P03";
const TIMEOUT: Duration = Duration::from_secs(5);
const DEFAULT_PORT: u16 = 5432;

/// What a server says to a client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It would go on with the login.
    Ready,
    /// It does not accept connections yet.
    Starting,
    /// It is up and turned this connection down, saying why.
    Refused(String),
}

#[derive(Debug, PartialEq, Eq)]
enum Address {
    Tcp(String, u16),
    Unix(PathBuf),
}

/// Whom to ask, and as whom.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    address: Address,
    user: String,
    database: String,
}

impl Endpoint {
    /// A server on this machine.
    pub(crate) fn local(port: u16, user: &str, database: &str) -> Self {
        Self {
            address: Address::Tcp("127.0.0.1".to_owned(), port),
            user: user.to_owned(),
            database: database.to_owned(),
        }
    }

    /// Reads `postgres://user:password@host:port/database?host=…&port=…`, each part but the scheme optional.
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let rest = ["postgres://", "postgresql://"]
            .iter()
            .find_map(|scheme| url.strip_prefix(scheme));
        let rest = rest.context("the address must begin with postgres://")?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, place) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (mut host, mut port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (decoded(host), port.to_owned()),
            _ => (decoded(place), String::new()),
        };
        for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            match key {
                "host" => host = decoded(value),
                "port" => port = decoded(value),
                _ => {}
            }
        }
        let port = if port.is_empty() {
            DEFAULT_PORT
        } else {
            port.parse().ok().with_context(|| format!("{port} is no port"))?
        };
        let address = if host.starts_with('/') {
            Address::Unix(Path::new(&host).join(format!(".s.PGSQL.{port}")))
        } else if host.is_empty() {
            Address::Tcp("localhost".to_owned(), port)
        } else {
            Address::Tcp(host.trim_start_matches('[').trim_end_matches(']').to_owned(), port)
        };
        let user = decoded(login.split_once(':').map_or(login, |(user, _)| user));
        let user = if user.is_empty() { "postgres".to_owned() } else { user };
        let database = if path.is_empty() { user.clone() } else { decoded(path) };
        Ok(Self {
            address,
            user,
            database,
        })
    }

    /// The address without what is secret.
    pub(crate) fn address(&self) -> String {
        match &self.address {
            Address::Tcp(host, port) => format!("{host}:{port}"),
            Address::Unix(path) => path.display().to_string(),
        }
    }

    /// Begins a connection, and ends it once the server has shown what it makes of it.
    pub(crate) fn ask(&self) -> Result<Answer> {
        match &self.address {
            Address::Tcp(host, port) => {
                let address = (host.as_str(), *port)
                    .to_socket_addrs()?
                    .next()
                    .context("the host has no address")?;
                let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
                stream.set_read_timeout(Some(TIMEOUT))?;
                self.converse(stream)
            }
            Address::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(TIMEOUT))?;
                self.converse(stream)
            }
        }
    }

    fn converse(&self, mut stream: impl Read + Write) -> Result<Answer> {
        let mut body = PROTOCOL_3_0.to_be_bytes().to_vec();
        for text in ["user", &self.user, "database", &self.database] {
            body.extend_from_slice(text.as_bytes());
            body.push(0);
        }
        body.push(0);
        let length = i32::try_from(body.len() + 4)?;
        stream.write_all(&length.to_be_bytes())?;
        stream.write_all(&body)?;
        read_answer(&mut stream)
    }
}

fn read_answer(stream: &mut impl Read) -> Result<Answer> {
    let mut head = [0; 5];
    stream.read_exact(&mut head)?;
    let [kind, length @ ..] = head;
    match kind {
        b'R' => Ok(Answer::Ready),
        b'E' => {
            let length = u64::from(u32::from_be_bytes(length)).saturating_sub(4);
            ensure!(length <= 64 * 1024, "its error is too long to be one");
            let mut body = Vec::new();
            stream.take(length).read_to_end(&mut body)?;
            Ok(refusal(&body))
        }
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "what answers is not PostgreSQL").into()),
    }
}

/// Reads an error message: fields of a letter and a text, each ended by a zero byte.
fn refusal(body: &[u8]) -> Answer {
    let field = |letter: u8| {
        let mut fields = body.split(|byte| *byte == 0);
        let found = fields.find(|field| field.first() == Some(&letter))?;
        Some(String::from_utf8_lossy(&found[1..]).into_owned())
    };
    if field(b'C').as_deref() == Some(CANNOT_CONNECT_NOW) {
        return Answer::Starting;
    }
    Answer::Refused(field(b'M').unwrap_or_else(|| "an error without a message".to_owned()))
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = if *first == b'%' { tail.get(..2) } else { None };
        let code = code.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16, user: &str, database: &str) -> Endpoint {
        Endpoint {
            address: Address::Tcp(host.to_owned(), port),
            user: user.to_owned(),
            database: database.to_owned(),
        }
    }

    #[test]
    fn addresses_are_read() {
        let parse = |url: &str| Endpoint::parse(url).unwrap();
        assert_eq!(parse("postgres://u:p%40@h:1/d"), tcp("h", 1, "u", "d"));
        assert_eq!(parse("postgresql://u@h"), tcp("h", 5432, "u", "u"));
        assert_eq!(parse("postgres:///"), tcp("localhost", 5432, "postgres", "postgres"));
        assert_eq!(parse("postgres://u@[::1]:7/d?sslmode=disable"), tcp("::1", 7, "u", "d"));
        assert_eq!(parse("postgres://u@[::1]/d"), tcp("::1", 5432, "u", "d"));
        let socket = Endpoint {
            address: Address::Unix("/run/pg/.s.PGSQL.6".into()),
            ..tcp("", 0, "u", "d")
        };
        assert_eq!(parse("postgres://u@localhost/d?host=/run/pg&port=6"), socket);
        assert_eq!(parse("postgres://u@%2Frun%2Fpg:6/d"), socket);
        assert!(Endpoint::parse("mysql://h").is_err());
        assert!(Endpoint::parse("postgres://h:port").is_err());
    }

    #[test]
    fn answers_are_told_apart() {
        let error = |code: &str| {
            let body = format!("SFATAL\0C{code}\0Mnot now\0\0");
            let mut bytes = vec![b'E'];
            bytes.extend_from_slice(&u32::try_from(body.len() + 4).unwrap().to_be_bytes());
            bytes.extend_from_slice(body.as_bytes());
            bytes
        };
        let answer = |bytes: &[u8]| read_answer(&mut &*bytes);
        assert_eq!(answer(b"R\0\0\0\x08\0\0\0\0").unwrap(), Answer::Ready);
        assert_eq!(answer(&error("57P03")).unwrap(), Answer::Starting);
        assert_eq!(answer(&error("28000")).unwrap(), Answer::Refused("not now".to_owned()));
        assert!(answer(b"HTTP/1.1 400").is_err());
        assert!(answer(b"").is_err());
    }

    #[test]
    fn percent_signs_that_encode_nothing_stay() {
        assert_eq!(decoded("a%2Fb%zz%4"), "a/b%zz%4");
    }
}
