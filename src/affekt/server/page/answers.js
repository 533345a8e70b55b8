/** What the server says when it does not give what it was asked for. */

/** @param {Response} response that is not ok. @returns {Promise<string>} its problem's sentence, else its status. */
export async function reasonOf(response) {
  const problem = await response.json().catch(() => ({}));
  return problem.detail ?? `the server answered ${response.status} ${response.statusText}`;
}
