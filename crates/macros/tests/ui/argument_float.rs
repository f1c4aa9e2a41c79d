use larder::cache_result;

#[cache_result]
fn f(angle: f64) -> f64 {
    angle.sin()
}

fn main() {}
