use larder::cache_result;

#[cache_result]
struct Blog;

fn main() {}
