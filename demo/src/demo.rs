use std::{
    future::Future,
    io::{self, Write as _},
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, bail};
use cli::Surroundings;
use client_lib::{Client, ModelWatch, RecommendRequest};
use recommender::{ServeError, Server};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
    task, time,
};
use tracing_subscriber::filter::LevelFilter;
use trainer::{Progress, Report};

use crate::{args::Args, folder::Folder, guide::Guide};

/// What a playlist is shown for where nobody can type.
const SEEDS: [&str; 2] = ["Unforgettable", "HUMBLE."];

/// The time in which the model must come into service.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// The time that calls in flight are given in the end.
const GRACE_PERIOD: Duration = Duration::from_secs(2);

/// Runs the demo to its end: `/quit`, the printed playlist, or a signal.
pub(crate) async fn run(args: Args, surroundings: &Surroundings) -> anyhow::Result<()> {
    // So that the prompt stays clean, the parts only tell what goes wrong.
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::WARN)
        .with_writer(io::stderr)
        // Telling that standard error is closed would fail, too, and end the demo.
        .log_internal_errors(false)
        .init();
    // Before the folder is made, for a signal during the start would kill the process and leave the folder behind.
    let mut signalled = Box::pin(signalled()?);
    let folder = Folder::new(args.dir.as_deref())?;
    writeln!(io::stdout(), "Training the sample data …")?;
    let report = tokio::select! {
        report = train(&folder) => report?,
        () = &mut signalled => return Ok(()),
    };

    let server = bind(args.port, &folder.volume()).await?;
    let guide = Guide::new(server.local_addr(), &folder);
    write!(io::stdout(), "{}", guide.beginning(&report, args.port))?;
    let (stop, stopped) = oneshot::channel();
    let mut serving = task::spawn(server.serve(async {
        // Nobody sends: it is ready when the other end is dropped.
        let _: Result<(), _> = stopped.await;
    }));
    let used = tokio::select! {
        used = use_service(&args, &guide, surroundings) => used,
        () = signalled => Ok(()),
        served = &mut serving => {
            served??;
            bail!("the service ended by itself");
        }
    };
    drop(stop);
    serving.await??;
    used
}

/// Is ready at the first SIGINT or SIGTERM from now on.
fn signalled() -> anyhow::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

async fn train(folder: &Folder) -> anyhow::Result<Report> {
    let dataset = folder.dataset().as_path().into();
    let settings = trainer::Settings {
        // The sample has eighteen themes: few pairs of songs are in one playlist of twenty, which is the default.
        min_support: "2%".parse()?,
        ..trainer::Settings::new(dataset, folder.volume())
    };
    let report = task::spawn_blocking(move || trainer::train(&settings, &Progress::quiet())).await?;
    report.context("could not train the sample")
}

/// Takes the port, or a free one if it is taken.
async fn bind(port: u16, volume: &Path) -> anyhow::Result<Server> {
    let settings = |port| recommender::Settings {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        metrics_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        drain_delay: Duration::ZERO,
        grace_period: GRACE_PERIOD,
        ..recommender::Settings::new(volume)
    };
    match Server::bind(settings(port)).await {
        Err(ServeError::Bind { source, .. }) if source.kind() == io::ErrorKind::AddrInUse => {
            Ok(Server::bind(settings(0)).await?)
        }
        server => Ok(server?),
    }
}

async fn use_service(args: &Args, guide: &Guide, surroundings: &Surroundings) -> anyhow::Result<()> {
    let client = Client::lazy(&guide.url())?;
    let mut models = client.watch_model().await?;
    let version = time::timeout(START_TIMEOUT, next_version(&mut models))
        .await
        .context("the service did not begin to serve the model")??;
    if args.serve {
        write!(io::stdout(), "{}", guide.serving())?;
        follow(&mut models, version).await
    } else if surroundings.interactive {
        write!(io::stdout(), "{}", guide.prompt())?;
        drop(models);
        cli::prompt(&client, surroundings).await?;
        Ok(())
    } else {
        let request = RecommendRequest::new(SEEDS).max_rules_per_song(0);
        let playlist = client.recommend(request).await?;
        writeln!(io::stdout(), "A playlist that goes with {}:", SEEDS.join(" and "))?;
        cli::write_playlist(&mut io::stdout(), &playlist)?;
        write!(io::stdout(), "{}", guide.ending())?;
        Ok(())
    }
}

/// Tells of each model that comes into service after `version`.
async fn follow(models: &mut ModelWatch, mut version: String) -> anyhow::Result<()> {
    loop {
        let next = next_version(models).await?;
        if next != version {
            writeln!(io::stdout(), "Model {next} is in service now; before, it was {version}.")?;
            version = next;
        }
    }
}

/// The version of the next model that is in service.
async fn next_version(models: &mut ModelWatch) -> anyhow::Result<String> {
    while let Some(model) = models.next().await {
        let version = model?.model_version;
        if !version.is_empty() {
            return Ok(version);
        }
    }
    bail!("the service ended the stream of models")
}
