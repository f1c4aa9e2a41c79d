use larder::cache_result;

#[cache_result]
fn f(text: &str) -> Option<&str> {
    text.lines().next()
}

fn main() {}
