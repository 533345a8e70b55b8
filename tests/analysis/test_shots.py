"""Cuts are found, whatever is before and after them, and what is none is none: flashes, lamps, pans, moving heads."""

import numpy as np
import pytest
from PIL import Image

from affekt.analysis.shots import TOO_FAR_APART_S, ShotCounter, small_copy
from drawn_faces import Capture, draw_face, no_units, random_identity

FPS = 25
WIDTH, HEIGHT, HEAD = 96, 54, 42
BLACK, WHITE = np.zeros((HEIGHT, WIDTH, 3), np.uint8), np.full((HEIGHT, WIDTH, 3), 255, np.uint8)


def room(seed):
    blocks = np.random.default_rng(seed).integers(0, 255, (5, 7, 3)).astype(np.uint8)
    return Image.fromarray(blocks).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)


def steps(random, frames, most, limit):
    """Return how far somebody is from the middle, frame by frame: a walk that slows down and turns back."""
    places, speed = [0.0], 0.0
    for push in random.normal(0, most, frames - 1):
        speed = 0.9 * speed + push
        places.append(float(np.clip(0.98 * places[-1] + speed, -limit, limit)))
    return places


def talking(frames, *, person, place=0, lively=1.0):
    """Yield frames of a drawn head that moves before a wall."""
    random = np.random.default_rng([person, place])
    drawn = draw_face(random_identity(np.random.default_rng(person)), no_units(), Capture(), size=HEAD)
    head, x, y = Image.fromarray(drawn), np.linspace(-1, 1, HEAD)[None], np.linspace(-1, 1, HEAD)[:, None]
    mask = Image.fromarray(np.where((x / 0.7) ** 2 + (y / 0.9) ** 2 < 1, 255, 0).astype(np.uint8))
    wall = room(place)
    walks = (steps(random, frames, lively * most, limit) for most, limit in ((0.2, 12), (0.12, 6), (0.3, 12)))
    for right, down, tilt in zip(*walks, strict=True):
        frame = wall.copy()
        where = (round((WIDTH - HEAD) / 2 + right), round((HEIGHT - HEAD) / 2 + down))
        frame.paste(head.rotate(tilt), where, mask.rotate(tilt))
        yield np.asarray(frame)


def cuts(frames, every_s=1 / FPS):
    """Return the frames before which there is a cut."""
    counter, shots = ShotCounter(), []
    for number, frame in enumerate(frames):
        shots += counter.add(small_copy(frame), number * every_s)
    shots += counter.finish()
    assert shots[0] == 1
    return [number for number in range(1, len(shots)) if shots[number] > shots[number - 1]]


def blended(first, second, share):
    return np.rint((1 - share) * first.astype(float) + share * second).clip(0, 255).astype(np.uint8)


FIRST, SECOND = list(talking(80, person=1)), list(talking(80, person=2, place=1))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("same_wall", [True, False])
def test_a_cut_to_somebody_else_is_found_even_before_the_same_wall(seed, same_wall):
    other = talking(50, person=seed + 100, place=seed if same_wall else seed + 100)
    assert cuts([*talking(50, person=seed, place=seed), *other]) == [50]


def test_ten_minutes_of_lively_talking_heads_have_at_most_one_false_cut():
    found = [cuts(talking(150 * FPS, person=person, place=person, lively=2.0)) for person in range(4)]
    assert sum(map(len, found)) <= 1


@pytest.mark.parametrize("between", [[blended(FIRST[39], SECOND[0], 0.5)], [BLACK] * 5, [WHITE] * 2, [BLACK] * 100])
def test_frames_between_two_shots_make_no_second_cut(between):
    assert len(cuts([*FIRST[:40], *between, *SECOND[:40]])) == 1


@pytest.mark.parametrize("frames", [5, 12, 25])
def test_dissolves_and_fades_are_cuts_within_half_a_second(frames):
    shares = np.arange(1, frames + 1) / (frames + 1)
    mixed = [blended(FIRST[40 + at], SECOND[at], share) for at, share in enumerate(shares)]
    (found,) = cuts([*FIRST[:40], *mixed, *SECOND[frames:]])
    assert abs(found - 40 - frames / 2) <= FPS / 2
    out = [blended(FIRST[40 + at], BLACK, share) for at, share in enumerate(shares)]
    back = [blended(BLACK, SECOND[at], share) for at, share in enumerate(shares)]
    (found,) = cuts([*FIRST[:40], *out, BLACK, *back, *SECOND[frames:]])
    assert abs(found - 40 - frames) <= FPS / 2


def two_before_a_wall(seed):
    """Return two pictures of the same pale wall, each with something else before it."""
    random, views = np.random.default_rng(seed), []
    for _ in range(2):
        wall = np.full((HEIGHT, WIDTH, 3), 190, np.uint8) + np.arange(WIDTH, dtype=np.uint8)[None, :, None] // 4
        head = random.integers(0, 255, (5, 4, 3)).astype(np.uint8)
        wall[8:, 34:64] = np.asarray(Image.fromarray(head).resize((30, HEIGHT - 8), Image.Resampling.BICUBIC))
        views.append(wall)
    return views


@pytest.mark.parametrize("seed", range(6))
def test_a_dissolve_of_people_who_look_different_is_a_cut_even_before_the_same_wall(seed):
    random, frames = np.random.default_rng(seed), 12
    shares = np.clip((np.arange(80) - 33) / (frames + 1), 0, 1)
    noise = random.normal(0, 3, (80, HEIGHT, WIDTH, 3))
    mixed = [blended(*two_before_a_wall(seed), share) + grains for share, grains in zip(shares, noise, strict=True)]
    (found,) = cuts([frame.clip(0, 255).astype(np.uint8) for frame in mixed])
    assert abs(found - 33 - frames / 2) <= FPS / 2


@pytest.mark.parametrize("gain", [1.5, 3, 50])
@pytest.mark.parametrize("frames", [1, 2, 3])
def test_flashes_are_no_cuts(gain, frames):
    lit = [np.clip(frame * float(gain) + 20, 0, 255).astype(np.uint8) for frame in FIRST[40 : 40 + frames]]
    assert cuts([*FIRST[:40], *lit, *FIRST[40 + frames :]]) == []


def test_lamps_and_a_fade_to_the_same_shot_are_no_cuts():
    warm = np.array([0.6, 0.5, 0.4])
    assert cuts([*FIRST[:40], *((frame * warm).astype(np.uint8) for frame in FIRST[40:])]) == []
    dark = [(frame * max(0.0, abs(at - 20) / 20)).astype(np.uint8) for at, frame in enumerate(FIRST[20:60])]
    assert cuts([*FIRST[:20], *dark, *FIRST[60:]]) == []


@pytest.mark.parametrize("pixels", [1, 2, 3, 6, 20, 60])
def test_pans_are_no_cuts_however_fast(pixels):
    blocks = np.random.default_rng(0).integers(0, 255, (10, 200, 3)).astype(np.uint8)
    wide = np.asarray(Image.fromarray(blocks).resize((4000, HEIGHT), Image.Resampling.BICUBIC))
    left = np.repeat([0, 1, 0], [40, 30, 40]).cumsum() * pixels
    assert cuts([wide[:, start : start + WIDTH] for start in left]) == []


@pytest.mark.parametrize("seed", range(6))
def test_five_frames_a_second_show_a_cut_before_the_same_wall_and_no_flash(seed):
    shifts = np.random.default_rng(seed).integers(0, 2, 60)
    views = two_before_a_wall(seed)
    frames = [np.roll(views[number >= 30], shift, axis=1) for number, shift in enumerate(shifts)]
    assert cuts(frames, every_s=0.2) == [30]
    lit = np.clip(frames[20] * 3.0 + 20, 0, 255).astype(np.uint8)
    assert cuts([*frames[:20], lit, *frames[21:30]], every_s=0.2) == []


def test_five_frames_a_second_of_lively_talking_heads_have_no_false_cut():
    assert not any(cuts(list(talking(3000, person=n, place=n, lively=2.0))[::5], every_s=0.2) for n in range(3))


def test_frames_far_apart_are_cut_where_the_view_is_another():
    views = [frame for shot in range(6) for frame in list(talking(200, person=shot, place=shot))[::50]]
    assert cuts(views, every_s=2.0) == [4, 8, 12, 16, 20]
    assert cuts(list(talking(2000, person=0))[::50], every_s=2.0) == []
    assert TOO_FAR_APART_S < 2


def test_after_a_pause_a_head_may_be_elsewhere():
    counter, shots = ShotCounter(), []
    for number, frame in enumerate(talking(200, person=4, place=4, lively=3)):
        if not 100 <= number < 112:  # frames that a call lost
            shots += counter.add(small_copy(frame), number / FPS)
    assert {*shots, *counter.finish()} == {1}


@pytest.mark.parametrize("frames", [[], [BLACK], [BLACK, WHITE] * 3, [FIRST[0]], [FIRST[0]] * 3])
def test_short_and_empty_videos_are_one_shot(frames):
    assert cuts([FIRST[0], *frames]) == []
