//! `cargo xtask demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {}
pub(crate) fn run(_o: &Options) -> anyhow::Result<()> {
    crate::process::Interrupt::catch()?;
    Ok(())
}
