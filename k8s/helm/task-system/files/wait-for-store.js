// Ends when the store says that it, a scheduler and an executor are there.
const url = `${process.env.STORE_SERVICE_URL}/health`;
let told;
const look = async () => {
  const seen = await fetch(url, { signal: AbortSignal.timeout(5000) }).then(
    async (answer) => answer.ok || answer.text(),
    (error) => `${url}: ${error.cause?.message ?? error.message}`,
  );
  if (seen === true) process.exit(0);
  if (seen !== told) console.log(seen.trim());
  told = seen;
  setTimeout(look, 2000);
};
look();
