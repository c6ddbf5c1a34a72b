//! The page of the status service in a real browser, through `WebDriver`.

// What the tests stand on.
mod driver;
mod model;
mod real;
mod site;

mod live;
mod load_pages;
mod looks;
mod pictures;
mod stories;
mod suspended;
