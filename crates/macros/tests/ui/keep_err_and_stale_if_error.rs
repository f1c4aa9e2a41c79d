use larder::cache_result;

#[cache_result(keep_err, stale_if_error = "1h")]
fn f(id: u32) -> Result<u32, String> {
    Ok(id)
}

fn main() {}
