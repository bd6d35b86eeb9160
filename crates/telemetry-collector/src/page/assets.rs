//! What pages load, compiled in; nothing is loaded from anywhere else.

/// A file of ours.
#[derive(Debug)]
pub(crate) struct Asset {
    pub(crate) path: &'static str,
    pub(crate) content_type: &'static str,
    pub(crate) text: &'static str,
}

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Every asset; `assets/vendor/README.md` says where the ones that are not ours come from.
pub(crate) static ASSETS: [Asset; 5] = [
    Asset { path: "/assets/page.css", content_type: CSS, text: include_str!("../../assets/page.css") },
    Asset { path: "/assets/page.js", content_type: SCRIPT, text: include_str!("../../assets/page.js") },
    Asset { path: "/assets/live.js", content_type: SCRIPT, text: include_str!("../../assets/live.js") },
    Asset {
        path: "/assets/vendor/uPlot.min.css",
        content_type: CSS,
        text: include_str!("../../assets/vendor/uPlot.min.css"),
    },
    Asset {
        path: "/assets/vendor/uPlot.iife.min.js",
        content_type: SCRIPT,
        text: include_str!("../../assets/vendor/uPlot.iife.min.js"),
    },
];
