"""The six turns of `perlinsos bench turns` with aiogram and its state machine, on its aiohttp webhook.

State is in memory. An update is acknowledged after its handler has ended, so that nothing piles up.
"""

from __future__ import annotations

import os

from aiogram import Bot, Dispatcher, F, Router
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.filters import CommandStart
from aiogram.fsm.context import FSMContext
from aiogram.fsm.state import State, StatesGroup
from aiogram.fsm.storage.memory import MemoryStorage
from aiogram.types import Message
from aiogram.webhook.aiohttp_server import SimpleRequestHandler, setup_application
from aiohttp import web

SIXTEEN_DIGITS = F.text.regexp(r"^\d{16}$")
router = Router()


class Registration(StatesGroup):
    consent = State()
    nik = State()
    kk = State()
    confirm = State()


@router.message(CommandStart())
async def welcome(message: Message) -> None:
    await message.answer("Selamat datang. Tulis daftar untuk mendaftar.")


@router.message(F.text == "daftar")
async def begin(message: Message, state: FSMContext) -> None:
    await state.set_state(Registration.consent)
    await message.answer("Kami perlu melihat data Bapak/Ibu. Setuju?")


@router.message(Registration.consent)
async def consent(message: Message, state: FSMContext) -> None:
    await state.set_state(Registration.nik)
    await message.answer("Tolong kirim NIK Bapak/Ibu.")


@router.message(Registration.nik, SIXTEEN_DIGITS)
async def nik(message: Message, state: FSMContext) -> None:
    await state.update_data(nik=message.text)
    await state.set_state(Registration.kk)
    await message.answer("Tolong kirim nomor KK.")


@router.message(Registration.kk, SIXTEEN_DIGITS)
async def kk(message: Message, state: FSMContext) -> None:
    await state.update_data(kk=message.text)
    await state.set_state(Registration.confirm)
    await message.answer("Kami menemukan data Bapak/Ibu. Benar?")


@router.message(Registration.confirm)
async def confirmed(message: Message, state: FSMContext) -> None:
    await state.clear()
    await message.answer("Terima kasih.")


def main() -> None:
    server = TelegramAPIServer.from_base(os.environ["BENCH_API"])
    bot = Bot(os.environ["BENCH_TOKEN"], session=AiohttpSession(api=server))
    dispatcher = Dispatcher(storage=MemoryStorage())
    dispatcher.include_router(router)
    app = web.Application()
    handler = SimpleRequestHandler(dispatcher, bot, secret_token=os.environ["BENCH_SECRET"], handle_in_background=False)
    handler.register(app, path="/webhook")
    setup_application(app, dispatcher, bot=bot)
    web.run_app(app, host="127.0.0.1", port=int(os.environ["BENCH_PORT"]), print=None)


main()
