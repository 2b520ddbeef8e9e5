wit_bindgen::generate!({ world: "greeter" });

struct Component;

impl Guest for Component {
    fn greet(name: String) -> String {
        match title(&name) {
            Some(title) => format!("Hello, {title} {name}!"),
            None => format!("Hello, {name}!"),
        }
    }
}

export!(Component);
