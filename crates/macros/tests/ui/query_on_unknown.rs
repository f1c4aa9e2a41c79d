use larder::cache_query;

#[cache_query(writes("users"), on = "success")]
fn rename(id: u32) -> Result<u32, String> {
    Ok(id)
}

fn main() {}
