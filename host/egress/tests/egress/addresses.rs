use std::{
    io,
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tillgate_egress::{Client, Endpoint, FailureKind, Options, Resolve, Stage};

use crate::{
    exchanges::failed,
    server::{Reply, Server, get, overridden},
};

/// Answers every lookup with the next of its answers, repeating the last.
struct Scripted {
    answers: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
    last: Mutex<String>,
}

impl Scripted {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |texts: &&[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        Arc::new(Self {
            answers: answers.iter().map(parse).collect(),
            asked: AtomicUsize::new(0),
            last: Mutex::default(),
        })
    }
}

#[async_trait::async_trait]
impl Resolve for Scripted {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        host.clone_into(&mut self.last.lock().unwrap());
        let turn = self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.answers.get(turn).or(self.answers.last());
        Ok(answer.cloned().unwrap_or_default())
    }
}

fn client(resolver: &Arc<Scripted>) -> Client {
    let resolver = Arc::clone(resolver) as Arc<dyn Resolve>;
    Client::new(Options {
        resolver,
        ..Options::default()
    })
    .unwrap()
}

#[tokio::test]
async fn one_address_that_is_not_public_condemns_the_host() {
    let server = Server::start(vec![Reply::ok("")]).await;
    let answers: [&[&str]; 6] = [
        &["127.0.0.1"],
        &["1.1.1.1", "127.0.0.1"],
        &["169.254.169.254", "1.1.1.1"],
        &["2606:4700:4700::1111", "fd00:ec2::254"],
        &["192.0.0.192"],
        &["::ffff:127.0.0.1"],
    ];
    for answer in answers {
        let resolver = Scripted::new(&[answer]);
        let endpoint = Endpoint::https("api.example.com", Some(server.address.port()), "").unwrap();
        let error = failed(client(&resolver).send(get(endpoint)).await.unwrap_err());
        assert_eq!((error.stage, error.kind), (Stage::NotSent, FailureKind::AddressRefused));
        for address in answer {
            assert!(!error.to_string().contains(address), "{error}");
        }
    }
    assert!(server.log.seen().is_empty());
}

#[tokio::test]
async fn a_host_without_addresses_is_a_dns_failure() {
    let resolver = Scripted::new(&[&[]]);
    let endpoint = Endpoint::https("api.example.com", None, "").unwrap();
    let error = failed(client(&resolver).send(get(endpoint)).await.unwrap_err());
    assert_eq!((error.stage, error.kind), (Stage::NotSent, FailureKind::Dns));
}

#[tokio::test]
async fn a_listed_override_may_be_private_and_is_looked_up_once() {
    let server = Server::start(vec![Reply::ok("")]).await;
    // A second lookup would get an address nothing listens on.
    let resolver = Scripted::new(&[&["127.0.0.1"], &["127.9.9.9"]]);
    let origin = format!("http://simulator.test:{}", server.address.port());
    client(&resolver).send(get(overridden(&origin, ""))).await.unwrap();
    assert_eq!(resolver.asked.load(Ordering::SeqCst), 1);
    assert_eq!(*resolver.last.lock().unwrap(), "simulator.test");
    let host = format!("simulator.test:{}", server.address.port());
    assert_eq!(server.log.seen()[0].header("host"), [host]);
}

#[tokio::test]
async fn the_next_address_is_tried_when_one_refuses() {
    let server = Server::start(vec![Reply::ok("")]).await;
    let resolver = Scripted::new(&[&["127.9.9.9", "127.0.0.1"]]);
    let origin = format!("http://simulator.test:{}", server.address.port());
    client(&resolver).send(get(overridden(&origin, ""))).await.unwrap();
    assert_eq!(server.log.seen().len(), 1);
}
