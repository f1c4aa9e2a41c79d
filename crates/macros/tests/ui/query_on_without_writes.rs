use larder::cache_query;

#[cache_query(reads("users"), on = "ok")]
fn name(id: u32) -> Result<u32, String> {
    Ok(id)
}

fn main() {}
