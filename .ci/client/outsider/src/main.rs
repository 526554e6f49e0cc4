use client_lib::Client;

#[tokio::main]
async fn main() -> Result<(), client_lib::Error> {
    let client = Client::from_env()?;
    for recommendation in client.recommend(["Unforgettable"]).await?.songs {
        println!("{} by {}", recommendation.song.title, recommendation.song.artist);
    }
    Ok(())
}
