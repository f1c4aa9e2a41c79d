use larder::cache_result;

#[cache_result(on = "ok")]
fn name(id: u32) -> Result<u32, String> {
    Ok(id)
}

fn main() {}
