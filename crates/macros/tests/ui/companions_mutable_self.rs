struct S;

trait T {
    fn f(self, id: u32) -> u32;
}

impl T for S {
    #[larder::cache_method_result(skip(self), companions = false)]
    fn f(mut self, id: u32) -> u32 {
        self = S;
        let S = self;
        id
    }
}

fn main() {}
